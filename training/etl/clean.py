"""From the lake's interactions to those that training may trust, and what was dropped with its reason."""

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as sf

from contracts.events import Action
from contracts.rows import ID_MAX
from training.etl.abuse import AbuseRules, behaviour, judge

CONTRACT, DUPLICATE, OUTSIDE = "contract", "duplicate", "outside_window"


@dataclass(frozen=True)
class Cleaned:
    """``kept`` has the columns of the input; ``dropped`` those and ``reason``. Both are lazy; ``abusers`` (user_id,
    abuse) is the cached frame behind them, to be released with ``unpersist``."""

    kept: DataFrame
    dropped: DataFrame
    abusers: DataFrame


def _broken() -> Column:
    """The contract of ``contracts.events.Interaction`` as far as a Parquet column type does not already say it."""
    broken = ~sf.col("action").isin([action.value for action in Action])
    for name in ("event_id", "user_id", "item_id"):
        broken = broken | (sf.length(name) == 0) | (sf.length(name) > ID_MAX) | sf.col(name).isNull()
    return (
        sf.coalesce(broken, sf.lit(True)) | sf.isnan(sf.coalesce("value", sf.lit(0.0))) | sf.col("timestamp").isNull()
    )


def clean(interactions: DataFrame, start: datetime, end: datetime, rules: AbuseRules) -> Cleaned:
    """Keeps rows of [start, end) that hold the contract, once per user and event id, of users that break no abuse rule.

    A row is dropped for the first reason that applies: contract, outside_window, duplicate, then the abuse rules. Of
    duplicates the one that came first (received_at, then origin) stays, so that a second run keeps the same rows.
    """
    checked = interactions.withColumn(
        "reason",
        sf.when(_broken(), CONTRACT).when(
            (sf.col("timestamp") < sf.lit(start)) | (sf.col("timestamp") >= sf.lit(end)), OUTSIDE
        ),
    )
    once = _once(checked)
    # Both frames ask who they are.
    abusers = (
        judge(behaviour(once.where("reason is null"), rules), rules).withColumnRenamed("reason", "abuse").persist()
    )
    marked = (
        once.join(sf.broadcast(abusers), "user_id", "left")
        .withColumn("reason", sf.coalesce("reason", "abuse"))
        .drop("abuse")
    )
    columns = interactions.columns
    return Cleaned(
        marked.where("reason is null").select(columns),
        marked.where("reason is not null").select(*columns, "reason"),
        abusers,
    )


def _once(checked: DataFrame) -> DataFrame:
    """Gives all but the first row of an event the reason DUPLICATE. The lake merges by user and event id, so mostly
    there is none: that is found out first, since to put whole rows in order costs several times as much."""
    if checked.groupBy("user_id", "event_id").count().where("count > 1").isEmpty():
        return checked
    first = Window.partitionBy("user_id", "event_id").orderBy(
        sf.col("reason").isNotNull(), sf.col("received_at").asc_nulls_last(), "origin"
    )
    repeated = sf.col("reason").isNull() & (sf.row_number().over(first) > 1)
    return checked.withColumn("reason", sf.when(repeated, DUPLICATE).otherwise(sf.col("reason")))
