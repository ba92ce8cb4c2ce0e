"""Step features: daily snapshots of users and items, and labels from impressions."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import functions as sf
from pyspark.sql.pandas.types import from_arrow_schema

from contracts.events import Interaction
from contracts.impressions import Impression
from feature_repo import item_daily, user_daily
from training.etl.daily import daily_counts, snapshots
from training.etl.labels import label_impressions
from training.etl.session import spark_session
from training.etl.tables import read_table, write_parquet
from training.jobs.clean import spark_settings
from training.jobs.outputs import DROPPED, INTERACTIONS, LABELS
from training.jobs.run import Run

READ = ("event_id", "user_id", "item_id", "action", "timestamp", "request_id")
"""Columns of an interaction that features and labels come from."""

IMPRESSIONS, SAMPLED = "impressions", "sampled negatives"


def features(run: Run, out: Path) -> Mapping[str, Any]:
    """Writes ``labels`` and the snapshots ``user_daily`` and ``item_daily`` (Parquet folders).

    Report: labels (``impressions`` or ``sampled negatives``), label_rows, positives, rows of each snapshot.
    """
    cleaned = run.output("clean")
    with spark_session("headwater-features", spark_settings(run.settings, out / "scratch")) as spark:
        schema = from_arrow_schema(Interaction.arrow_schema())
        interactions = spark.read.schema(schema).parquet(str(cleaned / INTERACTIONS)).select(*READ)
        dropped = spark.read.parquet(str(cleaned / DROPPED))
        abusers = dropped.where(~sf.col("reason").isin("contract", "duplicate", "outside_window"))
        shown = (
            read_table(spark, run.lake.files("impressions", run.days), Impression.arrow_schema())
            .where((sf.col("timestamp") >= sf.lit(run.inputs.start)) & (sf.col("timestamp") < sf.lit(run.inputs.end)))
            .join(sf.broadcast(abusers.select("user_id").distinct()), "user_id", "left_anti")
        )
        write_parquet(label_impressions(shown, interactions), out / LABELS)
        labels = spark.read.parquet(str(out / LABELS))
        last = (run.inputs.end - timedelta(days=1)).date()
        rows = {}
        for view in (user_daily, item_daily):
            daily = daily_counts(interactions, labels, view.ENTITY)
            write_parquet(snapshots(daily, view.ENTITY, view.FEATURES, last), out / view.VIEW)
            rows[view.VIEW] = spark.read.parquet(str(out / view.VIEW)).count()
        counted = labels.agg(sf.count("*").alias("rows"), sf.sum("label").alias("positives")).collect()[0]
    return {
        "labels": IMPRESSIONS if counted.rows else SAMPLED,
        "label_rows": counted.rows,
        "positives": counted.positives or 0,
        **rows,
    }
