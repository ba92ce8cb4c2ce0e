"""Labels from impressions: shown and clicked is 1, shown and not clicked is 0."""

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

CLICK_WINDOW = timedelta(hours=24)
"""An action this long after an impression no longer counts as its click."""

POSITIVE_ACTIONS = ("click", "purchase")


def label_impressions(impressions: DataFrame, interactions: DataFrame) -> DataFrame:
    """One row an impression: user_id, item_id, request_id, position, timestamp, label (int 0|1).

    An action that names its request is the click of that request's impression and no other; one without a request is
    the click of the latest impression of that item to that user within CLICK_WINDOW before it. Impressions repeated
    by (request_id, user_id, item_id) count once, users dropped by cleaning have neither rows (join on user before).
    """
    identity = ["user_id", "item_id", "request_id"]
    # Columns of fixed width are aggregated by hash; a text among them would have everything sorted.
    shown = impressions.groupBy(*identity).agg(
        sf.min("position").alias("position"), sf.min("timestamp").alias("timestamp")
    )
    acted = interactions.where(sf.col("action").isin(*POSITIVE_ACTIONS)).select(
        "event_id", "user_id", "item_id", sf.col("timestamp").alias("acted_at"), sf.col("request_id").alias("named")
    )
    window = sf.expr(f"INTERVAL {int(CLICK_WINDOW.total_seconds())} SECONDS")
    attributed = (
        impressions.select(*identity, "timestamp")
        .join(acted, ["user_id", "item_id"])
        .where(sf.col("acted_at").between(sf.col("timestamp"), sf.col("timestamp") + window))
        .where(sf.col("named").isNull() | (sf.col("named") == sf.col("request_id")))
        .groupBy("event_id", "user_id", "item_id")
        .agg(sf.max_by("request_id", "timestamp").alias("request_id"))
        .select(*identity)
        .distinct()
        .withColumn("label", sf.lit(1))
    )
    return shown.join(attributed, identity, "left").fillna(0, ["label"])
