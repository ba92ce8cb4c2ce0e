"""Daily pre-aggregates and their windows.

Counting a window on raw events means one row of work for each pair of events of a popular item; here every event is
counted once into its (entity, day), and each such day then adds itself to the snapshots of the days it is part of:
29 rows a day, whatever the popularity.
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
    acted = interactions.groupBy(entity, sf.to_date("timestamp").alias("day")).agg(
        *(sf.count_if(sf.col("action") == action).alias(f"{action}s") for action in ("view", "click", "purchase")),
        sf.count("*").alias("actions"),
        sf.lit(1).cast("long").alias("active"),
    )
    shown = labels.groupBy(entity, sf.to_date("timestamp").alias("day")).agg(
        sf.count("*").alias("impressions"), sf.sum("label").alias("shown_clicks")
    )
    return acted.join(shown, [entity, "day"], "full").select(
        entity, "day", *(sf.coalesce(measure, sf.lit(0)).cast("long").alias(measure) for measure in MEASURES)
    )


def snapshots(daily: DataFrame, entity: str, features: Sequence[DailyFeature], last: date) -> DataFrame:
    """One row an entity and day from its first day until ``last`` or SILENT_AFTER days after it fell silent.

    Columns: the entity, event_timestamp (end of the day, UTC) and one float column a feature. Days after ``last`` are
    left out.
    """
    spread = daily.where(sf.col("day") <= sf.lit(last)).select(
        "*", sf.explode(sf.sequence(sf.lit(0), sf.lit(SILENT_AFTER))).alias("age")
    )
    windowed = [feature for feature in features if feature.days is not None]
    totals = sorted({feature.measure for feature in features if feature.days is None})
    sums: list[Column] = [
        sf.sum(sf.when(sf.col("age") < feature.days, sf.col(feature.measure)).otherwise(0)).alias(feature.name)
        for feature in windowed
    ]
    today = [
        sf.sum(sf.when(sf.col("age") == 0, sf.col(measure)).otherwise(0)).alias(f"_{measure}") for measure in totals
    ]
    by_day = (
        spread.withColumn("snapshot", sf.date_add("day", sf.col("age")))
        .where(sf.col("snapshot") <= sf.lit(last))
        .groupBy(entity, "snapshot")
        .agg(*sums, *today)
    )
    until_now = Window.partitionBy(entity).orderBy("snapshot").rowsBetween(Window.unboundedPreceding, 0)
    return by_day.select(
        entity,
        sf.date_add("snapshot", 1).cast("timestamp").alias("event_timestamp"),
        *(
            (sf.col(feature.name) if feature.days is not None else sf.sum(f"_{feature.measure}").over(until_now))
            .cast("float")
            .alias(feature.name)
            for feature in features
        ),
    )
