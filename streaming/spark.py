"""The Spark session of the lake sink, with the Kafka connector that setup fetched: no network at the start of a job."""

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from lake.spark_jars import installed


@contextmanager
def sink_session(master: str, memory: str) -> Iterator[SparkSession]:
    """A session in UTC, stopped at the end. Raises HeadwaterError when the Kafka connector was not fetched."""
    builder = (
        SparkSession.builder.appName("headwater-sink")
        .master(master)
        .config("spark.driver.memory", memory)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.jars", ",".join(str(jar) for jar in installed("spark", "make setup")))
    )
    if master.startswith("local"):
        # Executors of a cluster must reach the driver; on one machine nobody else should.
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()
