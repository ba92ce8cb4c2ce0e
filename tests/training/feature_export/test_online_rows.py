"""What the export writes in bulk is what Feast reads, once, and never older over newer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis

from contracts.clock import utc
from contracts.errors import UnavailableError
from contracts.events import ACTION_CODES, Action
from feature_repo import user_daily
from feature_repo.online import ITEM_VECTOR, USER_DAILY, USER_VECTOR
from feature_repo.redis_reader import read_user
from feature_repo.redis_state import UserState, folding
from feature_repo.sources import Offline
from feature_repo.store import feature_store
from training.feature_export.activity import happenings, seed_users
from training.feature_export.online import daily_rows, delete_vectors, newest_of_each, vector_rows, write

END = datetime(2026, 3, 11, tzinfo=UTC)
RELEASE = "r0123456789ab"
CLICK = ACTION_CODES[Action.CLICK]


def _now() -> float:
    return END.timestamp()


def _snapshots(days: int) -> pa.Table:
    """Users a and b, a row each day, whose every feature is the number of the day; b fell silent after day 1."""
    rows = [("a", day) for day in range(days)] + [("b", day) for day in range(min(days, 2))]
    times = [END - timedelta(days=days - day) for _, day in rows]
    columns: dict[str, Any] = {
        "user_id": [user for user, _ in rows],
        "event_timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
    }
    columns |= {f.name: pa.array([day for _, day in rows], pa.float32()) for f in user_daily.FEATURES}
    return pa.table(columns)


def _actions(rows: list[tuple[str, str, float]]) -> pa.Table:
    moment = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "event_id": [f"e{at}" for at in range(len(rows))],
            "user_id": [user for user, _, _ in rows],
            "item_id": [item for _, item, _ in rows],
            "action": ["click"] * len(rows),
            "timestamp": pa.array([utc(_now() + seconds) for _, _, seconds in rows], moment),
        }
    )


def test_the_newest_row_of_each_entity_is_taken() -> None:
    newest = newest_of_each(_snapshots(5), "user_id")
    assert newest["user_id"].to_pylist() == ["a", "b"]
    assert newest["user_actions"].to_pylist() == [4.0, 1.0]
    assert len(newest_of_each(_snapshots(0), "user_id")) == 0


def test_feast_reads_what_was_written_and_an_older_row_changes_nothing(clean_redis: str, tmp_path: Path) -> None:
    newest = newest_of_each(_snapshots(5), "user_id")
    pq.write_table(newest, tmp_path / "user_daily.parquet")
    with redis.Redis.from_url(clean_redis) as client:
        assert write(client, USER_DAILY, daily_rows(newest, USER_DAILY)) == 2
        assert write(client, USER_DAILY, daily_rows(newest, USER_DAILY)) == 0
        older = _snapshots(5).slice(0, 1)
        assert write(client, USER_DAILY, daily_rows(older, USER_DAILY)) == 0
    paths = {"user_daily": str(tmp_path / "user_daily.parquet")}
    with feature_store(tmp_path / "registry.db", paths, Offline.DUCKDB, redis_url=clean_redis) as store:
        names = ["user_daily:user_actions", "user_daily:user_clicks_28d"]
        found = store.get_online_features(names, [{"user_id": user} for user in ("a", "b", "nobody")]).to_dict()
    assert found["user_actions"] == [4.0, 1.0, None]
    assert found["user_clicks_28d"] == [4.0, 1.0, None]


def test_vectors_belong_to_their_release_and_go_with_it(clean_redis: str) -> None:
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    with redis.Redis.from_url(clean_redis) as client:
        assert write(client, USER_VECTOR, vector_rows(["a", "b"], vectors, USER_VECTOR, RELEASE, [1, 1])) == 2
        assert write(client, USER_VECTOR, vector_rows(["a"], vectors[:1], USER_VECTOR, "r00000000000b", [1])) == 1
        np.testing.assert_array_equal(read_user(client, "b", [RELEASE]).vectors[RELEASE].vector, vectors[1])
        row = {"item_id": "a", "release": RELEASE}, {"item_vector": vectors[0]}, 1
        assert write(client, ITEM_VECTOR, iter([row])) == 1
        assert delete_vectors(client, USER_VECTOR, RELEASE) == 2
        assert delete_vectors(client, ITEM_VECTOR, RELEASE) == 1
        assert not read_user(client, "b", [RELEASE]).vectors
        assert "r00000000000b" in read_user(client, "a", ["r00000000000b"]).vectors


def test_users_are_seeded_with_the_streams_own_fold_and_twice_is_once(clean_redis: str) -> None:
    rows = _actions([("a", "i1", -60), ("a", "i2", -30), ("b", "i3", -10)])
    states = {user: folding(events)(UserState()) for user, events in happenings(rows)}
    with redis.Redis.from_url(clean_redis) as client:
        for _ in range(2):
            versions = seed_users(client, rows, _now)
            held = read_user(client, "a")
            assert versions["a"] == held.version > 0
            assert held.activity.acts == states["a"].activity.acts
            assert [(one.item_id, one.action) for one in held.activity.acts] == [("i1", CLICK), ("i2", CLICK)]
        assert seed_users(client, rows.slice(1), _now)["a"] == 0  # the state knows more than these rows


@pytest.mark.parametrize(
    "what",
    [
        lambda client: write(client, USER_DAILY, daily_rows(newest_of_each(_snapshots(2), "user_id"), USER_DAILY)),
        lambda client: seed_users(client, _actions([("a", "i1", 0)]), _now),
        lambda client: delete_vectors(client, USER_VECTOR, RELEASE),
    ],
    ids=["rows", "users", "deletion"],
)
def test_redis_down_is_one_clear_sentence(what: Callable[["redis.Redis[bytes]"], object]) -> None:
    with redis.Redis(port=1) as client, pytest.raises(UnavailableError, match="Redis is unavailable"):
        what(client)
