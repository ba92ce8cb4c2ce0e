"""Who was exposed to which arm, and which impression every click and purchase belongs to, in DuckDB.

An event belongs to the impression with its request id, user and item; without such a one, to the user's latest
impression of that item in the ``attribution_hours`` before it. Each event counts once (by event id), each impression
is clicked at most once. An event whose own impression was logged outside of the experiment (a forced arm, another
experiment) counts for nothing here.

In a split experiment a user has one arm; those who met several are left out. In an interleaved one every user meets
both teams: a row a user and team.
"""

from collections.abc import Sequence

import duckdb

from experimentation.log_tables import DAY_US

HOUR_US = DAY_US // 24

BEFORE_DAYS = 14
"""Days before the first exposure from which covariates are taken."""


def expose(
    connection: duckdb.DuckDBPyConnection, experiment: str, arms: Sequence[str], *, interleaved: bool
) -> tuple[int | None, int]:
    """Makes ``exposed``, a row a user and arm, ``entered`` at the first exposure; ``shown``, what they were shown in
    the experiment and before it; ``sighted``, what of it a client confirmed. Returns the first day (days since 1970,
    None without exposures) and how many users met several arms."""
    connection.execute("CREATE TABLE arms (arm TEXT, place SMALLINT)")
    connection.executemany("INSERT INTO arms VALUES (?, ?)", [[name, place] for place, name in enumerate(arms)])
    connection.execute(
        f"CREATE VIEW met_rows AS SELECT * REPLACE ({'team' if interleaved else 'arm'} AS arm) "
        f"FROM seen WHERE experiment = '{experiment}'"
    )
    connection.execute(
        "CREATE TABLE met AS SELECT user_id, min(moment) AS entered, min(arm) AS arm, min(arm) <> max(arm) AS mixed "
        "FROM met_rows WHERE arm IS NOT NULL GROUP BY user_id"
    )
    theirs = "true" if interleaved else "arms.arm = met.arm AND NOT met.mixed"
    connection.execute(
        "CREATE TABLE exposed AS SELECT row_number() OVER ()::INTEGER AS uid, met.user_id, met.entered, arms.arm, "
        f"arms.place, (met.entered // {DAY_US})::INTEGER AS day FROM met JOIN arms ON {theirs}"
    )
    arm = "seen.team" if interleaved else "seen.arm"
    connection.execute(
        "CREATE TABLE shown AS SELECT uid, entered, place, moment, hash(item_id) AS item, "
        f"(moment // {DAY_US})::INTEGER AS day, "
        "latency_ms, degraded, position = 1 AS first, moment >= entered AS inside "
        "FROM seen JOIN exposed USING (user_id) "
        f"WHERE (seen.experiment = '{experiment}' AND {arm} = exposed.arm) "
        f"OR (moment < entered AND moment >= entered - {BEFORE_DAYS * DAY_US})"
    )
    connection.execute(
        "CREATE TABLE sighted AS SELECT DISTINCT (seen.moment // "
        f"{DAY_US})::INTEGER AS day, place, request_id, item_id FROM seen JOIN confirmed "
        "USING (request_id, item_id, user_id) JOIN exposed USING (user_id) "
        f"WHERE seen.experiment = '{experiment}' AND {arm} = exposed.arm"
    )
    mixed = 0 if interleaved else connection.execute("SELECT count(*) FROM met WHERE mixed").fetchall()[0][0]
    return connection.execute("SELECT min(day) FROM exposed").fetchall()[0][0], int(mixed)


def attribute(connection: duckdb.DuckDBPyConnection, experiment: str, hours: int, *, interleaved: bool) -> int:
    """Makes ``acts``: clicks and purchases of exposed users on what the experiment showed them. Returns how many
    events after the first exposure belong to no impression of it."""
    arm = "team" if interleaved else "arm"
    connection.execute(
        "CREATE TABLE events AS SELECT event_id, user_id, any_value(request_id) AS request_id, "
        "any_value(item_id) AS item_id, any_value(action) AS action, any_value(value) AS value, min(moment) AS moment "
        "FROM done WHERE action IN ('click', 'purchase') AND user_id IN (SELECT user_id FROM exposed) "
        "GROUP BY user_id, event_id"
    )
    connection.execute(
        "CREATE TABLE by_request AS SELECT user_id, event_id, any_value(seen.moment) AS shown_moment, "
        f"any_value(experiment) AS experiment, any_value({arm}) AS arm "
        "FROM seen JOIN events USING (request_id, item_id, user_id) GROUP BY user_id, event_id"
    )
    connection.execute("CREATE TABLE unmatched AS SELECT * FROM events ANTI JOIN by_request USING (user_id, event_id)")
    connection.execute(
        f"CREATE TABLE near AS SELECT user_id, item_id, moment, request_id, {arm} AS arm FROM seen "
        f"SEMI JOIN unmatched USING (user_id, item_id) WHERE experiment = '{experiment}'"
    )
    connection.execute(
        "CREATE TABLE attributed AS SELECT exposed.uid, exposed.entered, exposed.place, found.* EXCLUDE (arm) "
        "FROM (SELECT events.*, shown_moment, arm FROM events JOIN by_request USING (user_id, event_id) "
        f"WHERE experiment = '{experiment}' UNION ALL BY NAME "
        "SELECT unmatched.* REPLACE (near.request_id AS request_id), near.moment AS shown_moment, near.arm "
        "FROM unmatched ASOF JOIN near ON unmatched.user_id = near.user_id AND unmatched.item_id = near.item_id "
        f"AND unmatched.moment >= near.moment WHERE unmatched.moment - near.moment <= {hours * HOUR_US}) AS found "
        "JOIN exposed USING (user_id, arm)"
    )
    connection.execute(
        "CREATE TABLE acts AS SELECT uid, entered, place, action, min(moment) AS moment, "
        "min(shown_moment) AS shown_moment, NULL::DOUBLE AS value FROM attributed WHERE action = 'click' "
        "GROUP BY uid, entered, place, action, request_id, item_id UNION ALL "
        "SELECT uid, entered, place, action, moment, shown_moment, value FROM attributed WHERE action = 'purchase'"
    )
    later = (
        "SELECT user_id, event_id FROM events SEMI JOIN exposed ON events.user_id = exposed.user_id "
        "AND events.moment >= exposed.entered ANTI JOIN attributed USING (user_id, event_id)"
    )
    return int(connection.execute(f"SELECT count(*) FROM ({later})").fetchall()[0][0])
