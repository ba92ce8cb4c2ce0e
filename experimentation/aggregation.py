"""From logged impressions and interactions to one row a user, in DuckDB.

Attribution. An event belongs to the impression with its request id, user and item; without such a one, to the user's
latest impression of that item in the ``attribution_hours`` before it. Each event counts once (by event id), each
impression is clicked at most once. Events without an impression are counted and left out. Days are UTC days.

Left out, without regard to the arm: users who met more than one arm, and users who click nearly everything they see
(``BOT_IMPRESSIONS`` or more, of which more than ``BOT_RATE`` clicked).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from contracts.errors import UnavailableError
from experimentation.users import Users

ATTRIBUTION_HOURS = 24
BEFORE_DAYS = 14
"""Days before the first exposure from which covariates are taken."""

BOT_IMPRESSIONS = 50
BOT_RATE = 0.9

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US


@dataclass(frozen=True)
class Resources:
    """What DuckDB may use: memory in MB, threads, and a folder to spill into."""

    memory_mb: int = 1200
    threads: int = 2
    spill: Path | None = None


@dataclass(frozen=True)
class ArmDay:
    """One arm on one UTC day, all logged traffic of its users."""

    day: date
    arm: str
    users: int
    impressions: int
    clicks: int
    conversions: int
    revenue: float
    items: int


@dataclass(frozen=True)
class Observed:
    """What an experiment's logs hold. ``windows`` is window in days → users; ``exposed`` int64[days, arms] users first
    exposed on or before each day; ``first_day`` is day 0, None when nothing was logged."""

    first_day: date | None
    windows: dict[int, Users]
    exposed: np.ndarray[Any, np.dtype[np.int64]]
    daily: list[ArmDay]
    missing_days: tuple[str, ...]
    contaminated: int
    bots: dict[str, int]
    unattributed: int


def observe(
    experiment: str,
    arms: Sequence[str],
    impressions: Sequence[str],
    interactions: Sequence[str],
    *,
    until: date,
    windows: Sequence[int],
    attribution_hours: int = ATTRIBUTION_HOURS,
    resources: Resources | None = None,
) -> Observed:
    """Reads the Parquet files of both tables, up to the end of the UTC day ``until``. Users of arms that are not in
    ``arms`` do not count. Raises UnavailableError when the files cannot be read."""
    if not impressions:
        return nothing_observed(arms, windows)
    limits = resources or Resources()
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{int(limits.memory_mb)}MB'")
        connection.execute(f"SET threads = {int(limits.threads)}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        if limits.spill is not None:
            connection.execute(f"SET temp_directory = '{limits.spill}'")
        try:
            _views(connection, impressions, interactions, until)
            _exposures(connection, experiment, arms)
            _attribution(connection, attribution_hours)
            return _collect(connection, arms, windows)
        except duckdb.IOException as error:
            raise UnavailableError("the lake", str(error).splitlines()[0]) from error


def _views(
    connection: duckdb.DuckDBPyConnection, impressions: Sequence[str], interactions: Sequence[str], until: date
) -> None:
    end = (until - date(1970, 1, 1)).days * _DAY_US + _DAY_US
    for name, files in {"all_impressions": impressions, "all_interactions": interactions}.items():
        if files:
            connection.read_parquet(list(files), union_by_name=True).create_view(f"{name}_raw")
    connection.execute(
        f"CREATE VIEW seen AS SELECT request_id, user_id, item_id, epoch_us(timestamp) AS moment, experiment, arm "
        f"FROM all_impressions_raw WHERE epoch_us(timestamp) < {end}"
    )
    if interactions:
        connection.execute(
            f"CREATE VIEW done AS SELECT event_id, request_id, user_id, item_id, action, value, "
            f"epoch_us(timestamp) AS moment FROM all_interactions_raw WHERE epoch_us(timestamp) < {end}"
        )
    else:
        connection.execute(
            "CREATE TABLE done (event_id TEXT, request_id TEXT, user_id TEXT, item_id TEXT, action TEXT, "
            "value DOUBLE, moment BIGINT)"
        )


def _exposures(connection: duckdb.DuckDBPyConnection, experiment: str, arms: Sequence[str]) -> None:
    connection.execute("CREATE TABLE arms (name TEXT, place SMALLINT)")
    connection.executemany("INSERT INTO arms VALUES (?, ?)", [[name, place] for place, name in enumerate(arms)])
    connection.execute(
        "CREATE TABLE met AS SELECT user_id, min(moment) AS entered, min(arm) AS arm, min(arm) <> max(arm) AS mixed "
        "FROM seen WHERE experiment = ? AND arm IS NOT NULL GROUP BY user_id",
        [experiment],
    )
    connection.execute(
        "CREATE TABLE exposed AS SELECT met.user_id, met.entered, arms.place, arms.name AS arm, "
        f"(met.entered // {_DAY_US})::BIGINT AS day FROM met JOIN arms ON arms.name = met.arm WHERE NOT met.mixed"
    )
    connection.execute(
        "CREATE VIEW shown AS SELECT seen.request_id, seen.user_id, seen.item_id, seen.moment, "
        "exposed.entered, exposed.arm "
        f"FROM seen JOIN exposed USING (user_id) WHERE seen.experiment = '{experiment}' AND seen.arm = exposed.arm"
    )


def _attribution(connection: duckdb.DuckDBPyConnection, hours: int) -> None:
    connection.execute(
        "CREATE TABLE events AS SELECT event_id, any_value(request_id) AS request_id, any_value(user_id) AS user_id, "
        "any_value(item_id) AS item_id, any_value(action) AS action, any_value(value) AS value, min(moment) AS moment "
        "FROM done WHERE action IN ('click', 'purchase') AND user_id IN (SELECT user_id FROM exposed) GROUP BY event_id"
    )
    connection.execute(
        "CREATE TABLE by_request AS SELECT DISTINCT ON (events.event_id) events.event_id, events.user_id, "
        "events.action, events.value, events.moment, shown.entered, shown.request_id, shown.item_id, "
        "shown.moment AS shown_moment "
        "FROM shown JOIN events ON shown.request_id = events.request_id AND shown.item_id = events.item_id "
        "AND shown.user_id = events.user_id"
    )
    connection.execute("CREATE TABLE unmatched AS SELECT * FROM events ANTI JOIN by_request USING (event_id)")
    connection.execute(
        "CREATE TABLE near AS SELECT * FROM shown SEMI JOIN unmatched ON shown.user_id = unmatched.user_id "
        "AND shown.item_id = unmatched.item_id"
    )
    connection.execute(
        "CREATE TABLE attributed AS SELECT * FROM by_request UNION ALL "
        "SELECT unmatched.event_id, unmatched.user_id, unmatched.action, unmatched.value, "
        "unmatched.moment, near.entered, near.request_id, "
        "near.item_id, near.moment AS shown_moment FROM unmatched ASOF JOIN near ON unmatched.user_id = near.user_id "
        "AND unmatched.item_id = near.item_id AND unmatched.moment >= near.moment WHERE "
        f"unmatched.moment - near.moment <= {hours * _HOUR_US}"
    )


def _collect(connection: duckdb.DuckDBPyConnection, arms: Sequence[str], windows: Sequence[int]) -> Observed:
    (first_day, contaminated) = connection.execute(
        "SELECT (SELECT min(day) FROM exposed), (SELECT count(*) FROM met WHERE mixed)"
    ).fetchall()[0]
    if first_day is None:
        return nothing_observed(arms, windows)
    widest = max(windows)
    within = ", ".join(
        f"count(*) FILTER (seen.experiment IS NOT NULL AND seen.arm = exposed.arm AND seen.moment >= exposed.entered "
        f"AND seen.moment < exposed.entered + {w * _DAY_US}) AS impressions_{w}"
        for w in windows
    )
    connection.execute(
        f"CREATE TABLE impressions AS SELECT user_id, {within}, count(*) FILTER (seen.moment < "
        "exposed.entered) AS before "
        f"FROM seen JOIN exposed USING (user_id) WHERE seen.moment >= exposed.entered - {BEFORE_DAYS * _DAY_US} "
        f"AND seen.moment < exposed.entered + {widest * _DAY_US} GROUP BY user_id"
    )
    inside = {w: f"moment < entered + {w * _DAY_US} AND shown_moment < entered + {w * _DAY_US}" for w in windows}
    sums = ", ".join(
        f"count(DISTINCT (request_id, item_id)) FILTER (action = 'click' AND {inside[w]}) AS clicks_{w}, "
        f"count(*) FILTER (action = 'purchase' AND {inside[w]}) AS conversions_{w}, "
        f"coalesce(sum(value) FILTER (action = 'purchase' AND {inside[w]}), 0) AS revenue_{w}"
        for w in windows
    )
    connection.execute(f"CREATE TABLE outcomes AS SELECT user_id, {sums} FROM attributed GROUP BY user_id")
    connection.execute(
        "CREATE TABLE earlier AS SELECT events.user_id, count(*) AS clicks FROM events JOIN exposed USING (user_id) "
        f"WHERE action = 'click' AND moment < entered AND moment >= entered - {BEFORE_DAYS * _DAY_US} "
        "GROUP BY events.user_id"
    )
    columns = ", ".join(f"impressions_{w}, clicks_{w}, conversions_{w}, revenue_{w}" for w in windows)
    rows = connection.execute(
        f"SELECT place, day - {first_day} AS day, before, coalesce(earlier.clicks, 0) AS earlier_clicks, {columns} "
        "FROM exposed JOIN impressions USING (user_id) LEFT JOIN outcomes USING (user_id) "
        "LEFT JOIN earlier USING (user_id) ORDER BY exposed.entered, exposed.user_id"
    ).fetchnumpy()
    table = {name: np.asarray(np.ma.filled(column, 0), np.float64) for name, column in rows.items()}
    seen, clicked = table[f"impressions_{widest}"], table[f"clicks_{widest}"]
    bot = (seen >= BOT_IMPRESSIONS) & (clicked > BOT_RATE * seen)
    place, day = table["place"].astype(np.int16), table["day"].astype(np.int32)
    found = {w: _window(table, place, day, w).take(~bot) for w in windows}
    last_day = int(connection.execute(f"SELECT max(moment) // {_DAY_US} FROM shown").fetchall()[0][0])
    length = last_day - int(first_day) + 1
    exposed = np.zeros((length, len(arms)), np.int64)
    np.add.at(exposed, (day[~bot], place[~bot]), 1)
    daily = _daily(connection)
    start = date(1970, 1, 1) + timedelta(days=int(first_day))
    present = {one.day for one in daily}
    missing = [one for n in range(length) if (one := start + timedelta(days=n)) not in present]
    unattributed = connection.execute(
        "SELECT count(*) FROM (SELECT event_id FROM events JOIN exposed USING (user_id) WHERE moment >= "
        "entered) AS later "
        "ANTI JOIN attributed USING (event_id)"
    ).fetchall()[0][0]
    bots = {name: int((bot & (place == number)).sum()) for number, name in enumerate(arms)}
    return Observed(
        start,
        found,
        exposed.cumsum(axis=0),
        daily,
        tuple(one.isoformat() for one in missing),
        int(contaminated),
        bots,
        int(unattributed),
    )


def _window(table: dict[str, Any], place: Any, day: Any, window: int) -> Users:
    conversions = table[f"conversions_{window}"]
    return Users(
        arm=place,
        day=day,
        impressions=table[f"impressions_{window}"],
        clicks=table[f"clicks_{window}"],
        converted=(conversions > 0).astype(np.float64),
        conversions=conversions,
        revenue=table[f"revenue_{window}"],
        before_impressions=table["before"],
        before_clicks=table["earlier_clicks"],
    )


def _daily(connection: duckdb.DuckDBPyConnection) -> list[ArmDay]:
    day = _DAY_US
    rows = connection.execute(
        f"WITH views AS (SELECT moment // {day} AS day, arm, count(DISTINCT user_id) AS users, count(*) "
        "AS impressions, "
        "approx_count_distinct(item_id) AS items FROM shown GROUP BY ALL), acts AS (SELECT shown_moment "
        f"// {day} AS day, "
        "exposed.arm, count(DISTINCT (request_id, item_id)) FILTER (action = 'click') AS clicks, "
        "count(*) FILTER (action = 'purchase') AS conversions, "
        "coalesce(sum(value) FILTER (action = 'purchase'), 0) AS revenue "
        "FROM attributed JOIN exposed USING (user_id) GROUP BY ALL) "
        "SELECT day, arm, users, impressions, coalesce(clicks, 0), coalesce(conversions, 0), coalesce(revenue, 0), "
        "items FROM views LEFT JOIN acts USING (day, arm) ORDER BY day, arm"
    ).fetchall()
    epoch = date(1970, 1, 1)
    return [ArmDay(epoch + timedelta(days=int(row[0])), *row[1:]) for row in rows]


def nothing_observed(arms: Sequence[str], windows: Sequence[int]) -> Observed:
    """What an experiment without a single impression looks like."""
    none = np.empty(0)
    users = Users(np.empty(0, np.int16), np.empty(0, np.int32), none, none, none, none, none, none, none)
    return Observed(None, dict.fromkeys(windows, users), np.zeros((0, len(arms)), np.int64), [], (), 0, {}, 0)
