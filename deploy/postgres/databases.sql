-- Runs once, when PostgreSQL starts with an empty folder.
CREATE DATABASE airflow;
CREATE DATABASE mlflow;
