from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from pyspark.sql import SparkSession

from contracts.impressions import Impression
from feature_repo import item_daily, user_daily
from feature_repo.daily import TIME_TO_LIVE
from tests.training.etl.rows import at, frame, impression, interaction
from training.etl.daily import daily_counts, snapshots
from training.etl.labels import label_impressions

ROWS = [
    interaction("u1", "i1", at(0, 1)),
    interaction("u1", "i1", at(0, 23.9), action="purchase"),
    interaction("u2", "i1", at(5), action="view"),
    interaction("u1", "i2", at(6, 3)),
    interaction("u1", "i1", at(50)),
]
SHOWN = [impression("r1", "u1", "i1", at(0, 0.5)), impression("r2", "u1", "i2", at(0, 1))]
LAST = date(2026, 4, 25)


def _by_hand(entity: str, identity: str, moment: datetime, action: str | None, days: int | None) -> int:
    """The count over raw rows of the whole days before ``moment``."""
    start = moment - timedelta(days=days) if days else datetime(2000, 1, 1, tzinfo=UTC)
    return sum(
        row[entity] == identity and start <= row["timestamp"] < moment and action in (None, row["action"])
        for row in ROWS
    )


def _snapshots(spark: SparkSession, entity: str, features: Any, last: date = LAST) -> list[Any]:
    interactions = frame(spark, ROWS)
    labels = label_impressions(frame(spark, SHOWN, Impression), interactions)
    rows: list[Any] = snapshots(daily_counts(interactions, labels, entity), entity, features, last).collect()
    return rows


def test_every_window_equals_a_count_over_raw_rows(spark: SparkSession) -> None:
    actions = {"actions": None, "clicks": "click", "purchases": "purchase"}
    for entity, features in ((user_daily.ENTITY, user_daily.FEATURES), (item_daily.ENTITY, item_daily.FEATURES)):
        rows = _snapshots(spark, entity, features)
        checked = [feature for feature in features if feature.measure in actions]
        for row in rows:
            moment = row.event_timestamp.replace(tzinfo=UTC)
            expected = [_by_hand(entity, row[entity], moment, actions[f.measure], f.days) for f in checked]
            assert [row[f.name] for f in checked] == expected
        assert len(checked) >= 5


def test_a_silent_entity_soon_has_rows_of_zeros_and_none_lies_after_the_last_day(spark: SparkSession) -> None:
    rows = defaultdict(list)
    for row in _snapshots(spark, "user_id", user_daily.FEATURES):
        rows[row.user_id].append(row)
    second = sorted(rows["u2"], key=lambda row: row.event_timestamp)
    assert [row.user_actions_28d for row in second] == [1.0] * 28 + [0.0]
    assert second[-1].user_actions == 1.0
    assert max(row.event_timestamp for row in rows["u1"]) == datetime(2026, 4, 26)  # noqa: DTZ001


def test_no_two_rows_are_further_apart_than_half_the_time_that_a_join_looks_back(spark: SparkSession) -> None:
    rows = _snapshots(spark, "user_id", user_daily.FEATURES, last=LAST + timedelta(days=70))
    second = sorted((row for row in rows if row.user_id == "u2"), key=lambda row: row.event_timestamp)
    days = [(row.event_timestamp - second[0].event_timestamp).days for row in second]
    assert days == [*range(29), 56, 84, 112]
    assert {(row.user_actions_28d, row.user_actions) for row in second[28:]} == {(0.0, 1.0)}
    assert max(b - a for a, b in pairwise(days)) * 2 <= TIME_TO_LIVE.days


def test_impressions_count_where_they_were_shown(spark: SparkSession) -> None:
    rows = {(r.item_id, r.event_timestamp): r for r in _snapshots(spark, "item_id", item_daily.FEATURES)}
    day = datetime(2026, 3, 2)  # noqa: DTZ001
    assert (rows["i1", day].item_impressions_28d, rows["i1", day].item_shown_clicks_28d) == (1.0, 1.0)
    assert (rows["i2", day].item_impressions_28d, rows["i2", day].item_shown_clicks_28d) == (1.0, 0.0)
    assert (rows["i2", day].item_actions_28d, rows["i2", day].item_actions) == (0.0, 0.0)
