"""Offline training: etl, datasets, models, evaluation, jobs."""
