"""Spark: clean interactions, daily aggregates and their windows, labels."""
