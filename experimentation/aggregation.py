"""From logged impressions and interactions to one row a user and arm, and one an arm and day. Days are UTC days.

Left out, without regard to the arm: users who met more than one arm, and users who click nearly everything they see
(``BOT_IMPRESSIONS`` or more, of which more than ``BOT_RATE`` clicked).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from experimentation.arm_days import ArmDay, arm_days
from experimentation.attribution import BEFORE_DAYS, attribute, expose
from experimentation.log_tables import DAY_US, EPOCH, Logs, Resources, opened
from experimentation.users import Users

ATTRIBUTION_HOURS = 24

BOT_IMPRESSIONS = 50
BOT_RATE = 0.9


@dataclass(frozen=True)
class Observed:
    """What an experiment's logs hold. ``windows`` is window in days → users; ``exposed`` int64[days, arms] users first
    exposed on or before each day, up to the last that was looked at; ``first_day`` is day 0, None when nothing was
    logged; ``cohorts`` are the names behind ``Users.cohort``."""

    first_day: date | None
    windows: dict[int, Users]
    exposed: npt.NDArray[np.int64]
    daily: list[ArmDay]
    missing_days: tuple[str, ...] = ()
    contaminated: int = 0
    bots: dict[str, int] = field(default_factory=dict)
    unattributed: int = 0
    cohorts: tuple[str, ...] = ()


def observe(
    experiment: str,
    arms: Sequence[str],
    logs: Logs,
    *,
    until: date,
    windows: Sequence[int],
    interleaved: bool = False,
    phases: Sequence[float] = (),
    attribution_hours: int = ATTRIBUTION_HOURS,
    resources: Resources | None = None,
) -> Observed:
    """Reads the logs up to the end of the UTC day ``until``. Users of arms that are not in ``arms`` do not count.
    ``phases`` are the epoch seconds at which a larger share of users was enrolled. Raises UnavailableError when the
    files cannot be read."""
    with opened(logs, until, resources or Resources()) as connection:
        first, contaminated = expose(connection, experiment, arms, interleaved=interleaved)
        if first is None:
            return nothing_observed(arms, windows)
        unattributed = attribute(connection, experiment, attribution_hours, interleaved=interleaved)
        table, cohorts = _users(connection, windows, first)
        daily = arm_days(connection, arms)
    start = EPOCH + timedelta(days=first)
    length = (until - start).days + 1
    widest = max(windows)
    seen, clicked = table[f"impressions_{widest}"], table[f"clicks_{widest}"]
    bot = (seen >= BOT_IMPRESSIONS) & (clicked > BOT_RATE * seen)
    place, day = table["place"].astype(np.int16), table["day"].astype(np.int32)
    table["phase"] = np.searchsorted(np.asarray(phases) * 1e6, table["entered"], side="right")
    exposed = np.zeros((length, len(arms)), np.int64)
    np.add.at(exposed, (day[~bot], place[~bot]), 1)
    present = {one.day for one in daily}
    days = [start + timedelta(days=number) for number in range(length)]
    return Observed(
        start,
        {window: _window(table, window).take(~bot) for window in windows},
        exposed.cumsum(axis=0),
        daily,
        tuple(one.isoformat() for one in days if one not in present),
        contaminated,
        {name: int((bot & (place == number)).sum()) for number, name in enumerate(arms)},
        unattributed,
        cohorts,
    )


def _users(
    connection: duckdb.DuckDBPyConnection, windows: Sequence[int], first: int
) -> tuple[dict[str, npt.NDArray[Any]], tuple[str, ...]]:
    """A row a user and arm in the order of exposure, float64 columns, and the names of the cohorts."""
    inside = {window: f"moment < entered + {window * DAY_US}" for window in windows}
    shown = ", ".join(f"count(*) FILTER (inside AND {inside[w]}) AS impressions_{w}" for w in windows)
    connection.execute(
        f"CREATE TABLE sights AS SELECT uid, {shown}, count(*) FILTER (moment < entered) AS before_impressions "
        "FROM shown GROUP BY uid"
    )
    sums = ", ".join(
        f"count(*) FILTER (action = 'click' AND {inside[w]} AND shown_{inside[w]}) AS clicks_{w}, "
        f"count(*) FILTER (action = 'purchase' AND {inside[w]} AND shown_{inside[w]}) AS conversions_{w}, "
        f"sum(value) FILTER (action = 'purchase' AND {inside[w]} AND shown_{inside[w]}) AS revenue_{w}"
        for w in windows
    )
    connection.execute(f"CREATE TABLE outcomes AS SELECT uid, {sums} FROM acts GROUP BY uid")
    connection.execute(
        "CREATE TABLE earlier AS SELECT uid, count(*) AS before_clicks FROM events JOIN exposed USING (user_id) "
        f"WHERE action = 'click' AND moment < entered AND moment >= entered - {BEFORE_DAYS * DAY_US} GROUP BY uid"
    )
    cohorts = [
        str(row[0])
        for row in connection.execute(
            "SELECT DISTINCT cohort FROM people WHERE cohort IS NOT NULL ORDER BY cohort"
        ).fetchall()
    ]
    connection.execute("CREATE TABLE cohorts (cohort TEXT, code SMALLINT)")
    if cohorts:
        connection.executemany("INSERT INTO cohorts VALUES (?, ?)", [[name, at] for at, name in enumerate(cohorts)])
    rows = connection.execute(
        f"SELECT place, day - {first} AS day, exposed.entered, coalesce(code, -1) AS cohort, "
        "before_impressions, before_clicks, sights.* EXCLUDE (uid, before_impressions), outcomes.* EXCLUDE (uid) "
        "FROM exposed LEFT JOIN sights USING (uid) LEFT JOIN outcomes USING (uid) LEFT JOIN earlier USING (uid) "
        "LEFT JOIN people USING (user_id) LEFT JOIN cohorts ON cohorts.cohort = people.cohort "
        "ORDER BY exposed.entered, exposed.user_id, place"
    ).fetchnumpy()
    return {name: np.asarray(np.ma.filled(column, 0), np.float64) for name, column in rows.items()}, tuple(cohorts)


def _window(table: dict[str, npt.NDArray[Any]], window: int) -> Users:
    conversions = table[f"conversions_{window}"]
    return Users(
        arm=table["place"].astype(np.int16),
        day=table["day"].astype(np.int32),
        impressions=table[f"impressions_{window}"],
        clicks=table[f"clicks_{window}"],
        converted=(conversions > 0).astype(np.float64),
        conversions=conversions,
        revenue=table[f"revenue_{window}"],
        before_impressions=table["before_impressions"],
        before_clicks=table["before_clicks"],
        phase=table["phase"].astype(np.int16),
        cohort=table["cohort"].astype(np.int16),
    )


def nothing_observed(arms: Sequence[str], windows: Sequence[int]) -> Observed:
    """What an experiment without a single impression looks like."""
    return Observed(None, dict.fromkeys(windows, Users.nobody()), np.zeros((0, len(arms)), np.int64), [])
