"""The lake: Parquet tables, a partition a day, every write one atomic commit."""
