"""Where Feast finds the Parquet files of a view: the same files for DuckDB on one machine and for Spark on many."""

from enum import StrEnum

from feast import FileSource
from feast.data_source import DataSource

from feature_repo.entities import EVENT_TIMESTAMP


class Offline(StrEnum):
    """Feast's offline stores that keep every label row. Its dask store does not: it drops rows whose entity has only
    future or expired values, so it is not offered."""

    DUCKDB = "duckdb"
    SPARK = "spark"


def parquet_source(name: str, path: str, offline: Offline) -> DataSource:
    """The Parquet files at ``path`` (a file, or a folder or glob of files), stamped by EVENT_TIMESTAMP."""
    if offline is Offline.SPARK:
        from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

        return SparkSource(name=name, path=path, file_format="parquet", timestamp_field=EVENT_TIMESTAMP)
    return FileSource(name=name, path=path, timestamp_field=EVENT_TIMESTAMP)
