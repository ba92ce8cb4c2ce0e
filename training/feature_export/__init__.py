"""Features and vectors of a release, written online and kept as Parquet files that Feast reads."""
