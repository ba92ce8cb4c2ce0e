"""The one place where a Spark session is made."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import SparkSession

from lake.spark_jars import installed


@dataclass(frozen=True)
class SparkSettings:
    """``memory`` is the driver's heap in Spark's notation; ``scratch`` holds shuffle files and is emptied by Spark.

    A few thousand rows a partition cost more in scheduling than in work: keep ``shuffle_partitions`` near the number
    of cores times two on one machine, hundreds on a cluster. ``s3``: it reads ``s3a://`` addresses.
    """

    master: str = "local[2]"
    memory: str = "3g"
    shuffle_partitions: int = 4
    scratch: Path | None = None
    s3: bool = False
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"


SHORT_LIVED = " ".join(
    [
        "-XX:+UseSerialGC",
        "-XX:Tier4InvocationThreshold=20000",
        "-XX:Tier4MinInvocationThreshold=5000",
        "-XX:Tier4CompileThreshold=30000",
        "-XX:Tier4BackEdgeThreshold=200000",
    ]
)
"""For a driver that does all the work itself and is gone within a minute: a collector without threads of its own, and
code is compiled in full only when it is four times as hot as usual. On two cores a tenth less of the processor."""


@contextmanager
def spark_session(name: str, settings: SparkSettings) -> Iterator[SparkSession]:
    """A session in UTC without a UI, stopped at the end so that its memory returns. Where the process has one already,
    that one is used and left running. Raises HeadwaterError for ``s3`` when Hadoop's S3A was not fetched."""
    running = SparkSession.getActiveSession()
    if running is not None:
        yield running
        return
    builder = (
        SparkSession.builder.appName(name)
        .master(settings.master)
        .config("spark.driver.memory", settings.memory)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", str(settings.shuffle_partitions))
        # A frame partitioned by some of a join's keys need not be shuffled for it.
        .config("spark.sql.requireAllClusterKeysForCoPartition", "false")
        # How large a side of a join is shows when it has been computed: the size of its compressed files says little.
        # One that turns out small is broadcast or hashed; the default would sort both, however small.
        .config("spark.sql.autoBroadcastJoinThreshold", "-1")
        .config("spark.sql.adaptive.autoBroadcastJoinThreshold", "32MB")
        .config("spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold", "64MB")
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    )
    if settings.master.startswith("local"):
        # Executors of a cluster must reach the driver; on one machine nobody else should.
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
        builder = builder.config("spark.driver.extraJavaOptions", SHORT_LIVED)
    if settings.scratch is not None:
        settings.scratch.mkdir(parents=True, exist_ok=True)
        builder = builder.config("spark.local.dir", str(settings.scratch))
    if settings.s3:
        builder = (
            builder.config("spark.jars", ",".join(str(jar) for jar in installed("s3", "make s3")))
            # Credentials as every other tool of AWS finds them, and as the lake's own reader does.
            .config(
                "spark.hadoop.fs.s3a.aws.credentials.provider",
                "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
            )
            .config("spark.hadoop.fs.s3a.endpoint.region", settings.s3_region)
        )
    if settings.s3 and settings.s3_endpoint:
        builder = builder.config("spark.hadoop.fs.s3a.endpoint", settings.s3_endpoint).config(
            "spark.hadoop.fs.s3a.path.style.access", "true"
        )
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()
