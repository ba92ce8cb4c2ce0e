"""Rules that tell bots and spammers from people, each stated with its threshold.

They look at how actions are spaced, not at how many there are: a MovieLens rater who enters 400 films in one sitting
is a person. Every figure is taken over the window that is cleaned; a user who breaks one rule is dropped with all
rows of the window, and the first rule broken is the reason.
"""

from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as sf


@dataclass(frozen=True)
class AbuseRules:
    """Thresholds. A user is dropped when a figure is at or above (for variation: below) its threshold.

    ``per_minute``, ``per_hour``, ``per_day``: most actions in a calendar minute, hour, day (UTC).
    ``hours_in_day``: most calendar hours of one day with at least ``busy_hour`` actions; people sleep.
    ``regular_gaps`` gaps from 1 s to ``session_gap_seconds``, at least ``regular_mean_seconds`` long in the mean,
    with a coefficient of variation (standard deviation
    over mean) below ``regular_variation``: a timer; people's gaps vary as much as their mean.
    Somebody who rates one film after the other is quick and regular too, so short gaps do not count.
    ``fast_gaps`` gaps above 0 and below 1 s that are at least ``fast_share`` of all gaps: nobody reads that fast. A gap
    of exactly 0 says nothing (a page of answers sent at once, or times in whole seconds).
    ``item_count`` actions on one item that are at least ``item_share`` of all of the user's: hammering.
    """

    per_minute: int = 150
    per_hour: int = 1500
    per_day: int = 5000
    hours_in_day: int = 18
    busy_hour: int = 6
    regular_gaps: int = 60
    regular_variation: float = 0.4
    regular_mean_seconds: float = 30.0
    session_gap_seconds: int = 1800
    fast_gaps: int = 20
    fast_share: float = 0.5
    item_count: int = 30
    item_share: float = 0.4


MINUTE_MICROS = 60_000_000

REASONS = ("per_minute", "per_hour", "per_day", "round_the_clock", "regular_intervals", "too_fast", "one_item")
"""Names of the rules in the order in which they are tried."""


def behaviour(interactions: DataFrame, rules: AbuseRules) -> DataFrame:
    """One row a user: the figures that the rules look at.

    Reads user_id, item_id, timestamp. Columns: user_id, actions, per_minute, per_hour, per_day, hours_in_day,
    gaps, gap_mean, gap_variation (null below two gaps), fast_gaps, item_count.
    """
    # All figures are a user's: with a user's rows in one place nothing below moves again.
    actions = interactions.select("user_id", "item_id", sf.unix_micros("timestamp").alias("at")).repartition("user_id")
    # Numbers of minutes, hours and days since 1970: cutting a timestamp makes an object a row.
    hourly = (
        actions.groupBy("user_id", sf.expr(f"at div {MINUTE_MICROS}").alias("minute"))
        .agg(sf.count("*").alias("n"))
        .groupBy("user_id", sf.expr("minute div 60").alias("hour"))
        .agg(sf.sum("n").alias("n"), sf.max("n").alias("peak"))
    )
    busy = sf.count_if(sf.col("n") >= rules.busy_hour)
    rates = (
        hourly.groupBy("user_id", sf.expr("hour div 24").alias("day"))
        .agg(sf.sum("n").alias("n"), sf.max("n").alias("hour"), sf.max("peak").alias("minute"), busy.alias("hours"))
        .groupBy("user_id")
        .agg(
            sf.sum("n").alias("actions"),
            sf.max("minute").alias("per_minute"),
            sf.max("hour").alias("per_hour"),
            sf.max("n").alias("per_day"),
            sf.max("hours").alias("hours_in_day"),
        )
    )
    seconds = sf.col("at") / 1e6
    in_order = Window.partitionBy("user_id").orderBy("at")
    gap = sf.col("gap")
    paused = sf.when(gap.between(1.0, float(rules.session_gap_seconds)), gap)
    spacing = (
        actions.select("user_id", (seconds - sf.lag(seconds).over(in_order)).alias("gap"))
        .groupBy("user_id")
        .agg(
            sf.count(paused).alias("gaps"),
            sf.mean(paused).alias("gap_mean"),
            (sf.stddev(paused) / sf.mean(paused)).alias("gap_variation"),
            sf.count_if((gap > 0.0) & (gap < 1.0)).alias("fast_gaps"),
        )
    )
    items = (
        actions.groupBy("user_id", "item_id")
        .agg(sf.count("*").alias("n"))
        .groupBy("user_id")
        .agg(sf.max("n").alias("item_count"))
    )
    return rates.join(items, "user_id").join(spacing, "user_id")


def judge(figures: DataFrame, rules: AbuseRules) -> DataFrame:
    """Users that break a rule: user_id, reason (one of REASONS)."""
    broken: dict[str, Column] = {
        "per_minute": sf.col("per_minute") >= rules.per_minute,
        "per_hour": sf.col("per_hour") >= rules.per_hour,
        "per_day": sf.col("per_day") >= rules.per_day,
        "round_the_clock": sf.col("hours_in_day") >= rules.hours_in_day,
        "regular_intervals": (sf.col("gaps") >= rules.regular_gaps)
        & (sf.col("gap_mean") >= rules.regular_mean_seconds)
        & (sf.col("gap_variation") < rules.regular_variation),
        "too_fast": (sf.col("fast_gaps") >= rules.fast_gaps)
        & (sf.col("fast_gaps") >= rules.fast_share * (sf.col("actions") - 1)),
        "one_item": (sf.col("item_count") >= rules.item_count)
        & (sf.col("item_count") >= rules.item_share * sf.col("actions")),
    }
    nothing = sf.lit(None).cast("string")
    reason = reduce(lambda other, name: sf.when(broken[name], name).otherwise(other), reversed(REASONS), nothing)
    return figures.select("user_id", reason.alias("reason")).where("reason is not null")
