"""Step clean: interactions that training may trust; what was dropped stays in the lake's table ``dropped``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import functions as sf

from contracts.events import Interaction
from contracts.settings import Settings
from training.etl.abuse import AbuseRules
from training.etl.clean import clean as clean_frame
from training.etl.session import SparkSettings, spark_session
from training.etl.tables import read_table, write_parquet
from training.jobs.outputs import DROPPED, INTERACTIONS
from training.jobs.run import Run


def spark_settings(settings: Settings, scratch: Path) -> SparkSettings:
    """The part of the settings that Spark needs."""
    return SparkSettings(
        master=settings.spark_master,
        memory=settings.spark_memory,
        shuffle_partitions=settings.spark_shuffle_partitions,
        scratch=scratch,
        s3=settings.lake.startswith("s3://"),
        s3_endpoint=settings.s3_endpoint,
        s3_region=settings.s3_region,
    )


def clean(run: Run, out: Path) -> Mapping[str, Any]:
    """Writes ``interactions`` and ``dropped`` (Parquet) and merges the dropped rows into the lake.

    Report: kept, dropped (reason → rows), dropped_users (reason → users).
    """
    with spark_session("headwater-clean", spark_settings(run.settings, out / "scratch")) as spark:
        raw = read_table(spark, run.lake.files("interactions", run.days), Interaction.arrow_schema())
        cleaned = clean_frame(raw, run.inputs.start, run.inputs.end, AbuseRules())
        write_parquet(cleaned.kept, out / INTERACTIONS)
        write_parquet(cleaned.dropped.withColumn("run", sf.lit(run.id)), out / DROPPED)
        dropped = spark.read.parquet(str(out / DROPPED))
        by_reason = dropped.groupBy("reason").agg(
            sf.count("*").alias("rows"), sf.countDistinct("user_id").alias("users")
        )
        counted = {row.reason: (row.rows, row.users) for row in by_reason.collect()}
        kept = spark.read.parquet(str(out / INTERACTIONS)).count()
    rows = pq.read_table(out / DROPPED).cast(_schema(out / DROPPED))
    run.lake.merge("dropped", rows, ("user_id", "event_id", "run", "origin"))
    return {
        "kept": kept,
        "dropped": {reason: rows for reason, (rows, _) in sorted(counted.items())},
        "dropped_users": {reason: users for reason, (_, users) in sorted(counted.items())},
    }


def _schema(folder: Path) -> pa.Schema:
    """Spark's columns with the time in UTC."""
    schema = pq.read_table(folder).schema
    moment = pa.timestamp("us", tz="UTC")
    return pa.schema([(f.name, moment if pa.types.is_timestamp(f.type) else f.type) for f in schema])
