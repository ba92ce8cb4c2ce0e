"""What each arm did on each UTC day: all logged traffic of its users."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from experimentation.log_tables import DAY_US, EPOCH
from pipeline.rules.schema import Freshness

NEW_DAYS = Freshness().new_days
"""Up to this age an item counts as new, as the rules have it by default."""


@dataclass(frozen=True)
class ArmDay:
    """One arm on one UTC day. ``latency_p95_ms`` and ``degraded_share`` are over answers; ``coverage`` is the share of
    the catalogue that was shown, ``new_share`` that of impressions which were of new items. What was not logged is
    None. ``confirmed`` are impressions that a client says were seen."""

    day: date
    arm: str
    users: int
    impressions: int
    confirmed: int
    clicks: int
    conversions: int
    revenue: float
    latency_p95_ms: float | None
    degraded_share: float | None
    coverage: float | None
    new_share: float | None


def arm_days(connection: duckdb.DuckDBPyConnection, arms: Sequence[str]) -> list[ArmDay]:
    """From the tables ``shown``, ``sighted`` and ``acts``, in order of day and arm."""
    rows = connection.execute(
        "WITH born AS (SELECT hash(item_id) AS item, epoch_us(created_at) AS born FROM catalogue), "
        "answers AS (SELECT day, place, count(DISTINCT uid) AS users, count(*) AS impressions, "
        "quantile_cont(latency_ms, 0.95) FILTER (first) AS latency, avg(degraded::INTEGER) FILTER (first) AS degraded "
        "FROM shown WHERE inside GROUP BY day, place), "
        "by_item AS (SELECT day, place, item, count(*) AS times FROM shown WHERE inside GROUP BY day, place, item), "
        "items AS (SELECT day, place, count(born.item) / nullif((SELECT count(*) FROM born), 0) AS coverage, "
        f"sum(times) FILTER (day * {DAY_US} - born < {NEW_DAYS * DAY_US:.0f}) AS new, count(born.born) AS dated "
        "FROM by_item LEFT JOIN born USING (item) GROUP BY day, place), "
        f"done AS (SELECT shown_moment // {DAY_US} AS day, place, count(*) FILTER (action = 'click') AS clicks, "
        "count(*) FILTER (action = 'purchase') AS conversions, sum(value) AS revenue FROM acts GROUP BY ALL), "
        "sights AS (SELECT day, place, count(*) AS confirmed FROM sighted GROUP BY day, place) "
        "SELECT day, place, users, impressions, coalesce(confirmed, 0), coalesce(clicks, 0), "
        "coalesce(conversions, 0), coalesce(revenue, 0), "
        "latency, degraded, coverage, CASE WHEN dated > 0 THEN coalesce(new, 0) / impressions END "
        "FROM answers JOIN items USING (day, place) LEFT JOIN done USING (day, place) "
        "LEFT JOIN sights USING (day, place) ORDER BY day, place"
    ).fetchall()
    return [ArmDay(EPOCH + timedelta(days=int(row[0])), arms[row[1]], *row[2:]) for row in rows]
