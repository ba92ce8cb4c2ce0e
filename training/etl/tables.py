"""Lake tables as Spark frames, and Spark frames as Parquet folders."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema


def read_table(spark: SparkSession, files: Sequence[str], schema: pa.Schema) -> DataFrame:
    """The columns of ``schema`` from Parquet ``files`` (``Lake.files``); no files give an empty frame.

    ``s3://`` addresses are read through Hadoop's S3A.
    """
    columns = from_arrow_schema(schema)
    if not files:
        return spark.createDataFrame([], columns)
    paths = [file.replace("s3://", "s3a://", 1) for file in files]
    return spark.read.schema(columns).parquet(*paths)


def write_parquet(frame: DataFrame, folder: Path) -> Path:
    """Replaces ``folder`` by the rows of ``frame``, a Parquet file a partition."""
    frame.write.mode("overwrite").parquet(str(folder))
    return folder
