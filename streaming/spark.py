"""The Spark session of the lake sink, with the Kafka connector that setup fetched: no network at the start of a job."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from contracts.errors import HeadwaterError


def connector_jars() -> list[Path]:
    """The Kafka connector's jars. Raises HeadwaterError when they were not fetched."""
    folder = Path(sys.prefix) / "share" / "headwater" / "jars" / "spark"
    jars = sorted(folder.glob("*.jar"))
    if not jars:
        raise HeadwaterError(f"Spark's Kafka connector is not in {folder}: run make setup")
    return jars


@contextmanager
def sink_session(master: str, memory: str) -> Iterator[SparkSession]:
    """A session in UTC, stopped at the end."""
    builder = (
        SparkSession.builder.appName("headwater-sink")
        .master(master)
        .config("spark.driver.memory", memory)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.jars", ",".join(str(jar) for jar in connector_jars()))
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
