"""The features of what was shown, logged by the gateway as they were online, against those that the lake gives now."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.events import ACTION_CODES, Action
from contracts.release import HISTORY_LENGTH
from feature_repo import activity
from feature_repo.activity import Happening, UserActivity, event_key, milliseconds
from lake.store import Lake
from pipeline.artifacts import Artifacts
from pipeline.candidates import Candidates
from pipeline.item_ids import UNKNOWN
from pipeline.ranking_features import RANKING_FEATURES, ranking_features
from pipeline.user import History, UserContext
from streaming.skew.report import FeatureSkew, by_column, compare

COLUMNS = (
    "sequential_score",
    "item_knn_score",
    "als_score",
    "transition",
    "transition_before",
    "sequential_last",
    "item_knn_last",
    "category_long",
    "category_short",
    "category_last",
    "year_distance_short",
    "year_distance_last",
    "history_length",
    "session_length",
    "gap",
)
"""The ranking features that the stream's state, the item and the release alone decide."""

_READ = ("user_id", "item_id", "timestamp", "release", "features")


@dataclass(frozen=True)
class Opened:
    """A release as both sides know it: its artifacts, and the columns that its manifest says were logged."""

    artifacts: Artifacts
    logged: tuple[str, ...]


Shown = dict[str, Any]
"""A row of ``impressions``: user_id, item_id, timestamp, release, features."""


def shown_skew(
    lake: Lake, opened: Callable[[str], Opened | None], shown: Sequence[Shown], day: date
) -> list[FeatureSkew]:
    """Compares what was ``shown`` on ``day`` with the lake. ``opened`` gives a release, None where it is gone: its
    impressions are passed over, and so are those of items that came after it was made."""
    histories = _happenings(lake, {row["user_id"] for row in shown}, day)
    training, serving = [], []
    for row in shown:
        release = opened(row["release"])
        if release is None or row["item_id"] not in release.artifacts.items.ids:
            continue
        state = as_of(histories.get(row["user_id"], []), row["timestamp"])
        training.append(recomputed(state, row["item_id"], row["timestamp"].timestamp(), release.artifacts))
        serving.append(dict(zip(release.logged, row["features"], strict=True)))
    return compare(COLUMNS, by_column(training, COLUMNS), by_column(serving, COLUMNS), "shown:")


def sample(lake: Lake, day: date, users: int, seed: int) -> list[Shown]:
    """One impression with logged features, at random, of each of at most ``users`` users."""
    table = lake.read("impressions", list(_READ), (day, day))
    table = table.filter(pc.greater(pc.list_value_length(table["features"]), 0))
    order = np.random.default_rng(seed).permutation(len(table))
    _, first = np.unique(table["user_id"].take(pa.array(order)).to_numpy(zero_copy_only=False), return_index=True)
    chosen: list[Shown] = table.take(pa.array(order[np.sort(first)[:users]])).to_pylist()
    return chosen


def _happenings(lake: Lake, users: Iterable[str], day: date) -> dict[str, list[Happening]]:
    """What the users did up to the end of ``day``, in the order of the folds."""
    end = pa.scalar(datetime.combine(day, time.max, UTC), pa.timestamp("us", tz="UTC"))
    condition = pc.field("user_id").isin(sorted(users)) & (pc.field("timestamp") <= end)
    found: dict[str, list[Happening]] = {}
    for batch in lake.scan("interactions", condition):
        for row in batch.select(["event_id", "user_id", "item_id", "action", "timestamp"]).to_pylist():
            code = ACTION_CODES[Action(row["action"])]
            happening = Happening(milliseconds(row["timestamp"]), event_key(row["event_id"]), row["item_id"], code)
            found.setdefault(row["user_id"], []).append(happening)
    return {user_id: sorted(happenings) for user_id, happenings in found.items()}


def as_of(happenings: list[Happening], moment: datetime) -> UserActivity:
    """The state that the stream's own fold makes of what happened up to ``moment``."""
    state = activity.INITIAL
    past = [happening for happening in happenings if happening.time_ms <= milliseconds(moment)]
    for happening in past[-HISTORY_LENGTH:]:
        state = activity.fold(state, happening)
    return state


def recomputed(state: UserActivity, item_id: str, now: float, artifacts: Artifacts) -> dict[str, float]:
    """The ranking features of one item for a user in ``state``."""
    rows = artifacts.items.ids.rows([act.item_id for act in state.acts])
    known = rows != UNKNOWN
    history = History(
        rows[known],
        np.array([act.action for act in state.acts], np.int8)[known],
        np.array([act.time_ms / 1000 for act in state.acts], np.float64)[known],
    )
    user = UserContext("", now, history, np.empty(0, np.int32))
    item = artifacts.items.rows_of([item_id])
    alone = Candidates((), item, np.empty((1, 0), np.float32), np.empty((1, 0), np.int32))
    return dict(zip(RANKING_FEATURES, ranking_features(user, alone, artifacts)[0].tolist(), strict=True))
