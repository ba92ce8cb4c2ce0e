"""Daily pre-aggregates and their windows.

Counting a window on raw events means one row of work for each pair of events of a popular item; here every event is
counted once into its (entity, day), and a window is the difference of two running totals: a row of work for each
snapshot, whatever the popularity and however long the window.
"""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as sf

from feature_repo.daily import WINDOWS, DailyFeature

MEASURES = ("views", "clicks", "purchases", "actions", "impressions", "shown_clicks", "active")
SILENT_AFTER = max(WINDOWS)


def daily_counts(interactions: DataFrame, labels: DataFrame, entity: str) -> DataFrame:
    """The pre-aggregate: one row an (entity, UTC day) on which something happened.

    ``interactions`` has user_id, item_id, action, timestamp; ``labels`` those of ``label_impressions``. Columns: the
    entity, day (date) and MEASURES (long); ``active`` is 1 where there was an action.
    """
    kinds = {f"{action}s": sf.when(sf.col("action") == action, 1) for action in ("view", "click", "purchase")}
    once = sf.lit(1)
    acted = interactions.select(entity, "timestamp", *_measured(**kinds, actions=once, active=once))
    shown = labels.select(entity, "timestamp", *_measured(impressions=once, shown_clicks=sf.col("label")))
    counted = {measure: sf.max if measure == "active" else sf.sum for measure in MEASURES}
    return (
        acted.unionByName(shown)
        .groupBy(entity, sf.to_date("timestamp").alias("day"))
        .agg(*(combine(measure).alias(measure) for measure, combine in counted.items()))
    )


def _measured(**given: Column) -> list[Column]:
    """What one row adds to each of MEASURES: 0 where it is not given or null."""
    zero = sf.lit(0)
    return [sf.coalesce(given.get(measure, zero), zero).cast("long").alias(measure) for measure in MEASURES]


def snapshots(daily: DataFrame, entity: str, features: Sequence[DailyFeature], last: date) -> DataFrame:
    """One row an entity and day from its first day until ``last``; where it is silent for longer than SILENT_AFTER
    days, one every SILENT_AFTER days.

    Columns: the entity, event_timestamp (end of the day, UTC) and one float column a feature. Days after ``last`` are
    left out.
    """
    silence = sf.date_diff(sf.lead("day").over(Window.partitionBy(entity).orderBy("day")), "day") - 1
    until = sf.least(silence, sf.date_diff(sf.lit(last), "day"))
    ages = sf.filter(sf.sequence(sf.lit(0), "until"), lambda age: (age < SILENT_AFTER) | (age % SILENT_AFTER == 0))
    measured = sorted({feature.measure for feature in features})
    spread = (
        daily.where(sf.col("day") <= sf.lit(last))
        .select(entity, "day", *measured, until.alias("until"))
        .select(entity, "day", *measured, sf.explode(ages).alias("age"))
        .select(
            entity,
            (sf.unix_date("day") + sf.col("age")).alias("snapshot"),
            *(sf.when(sf.col("age") == 0, sf.col(measure)).otherwise(0).alias(measure) for measure in measured),
        )
    )
    in_order = Window.partitionBy(entity).orderBy("snapshot")

    def total(feature: DailyFeature, until: int) -> Column:
        return sf.sum(feature.measure).over(in_order.rangeBetween(Window.unboundedPreceding, until))

    def within(feature: DailyFeature) -> Column:
        whole = total(feature, 0)
        return whole if feature.days is None else whole - sf.coalesce(total(feature, -feature.days), sf.lit(0))

    return spread.select(
        entity,
        sf.date_from_unix_date(sf.col("snapshot") + 1).cast("timestamp").alias("event_timestamp"),
        *(within(feature).cast("float").alias(feature.name) for feature in features),
    )
