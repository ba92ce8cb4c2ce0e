"""Requests as the impressions tell them, and what users did, as the online store would have known it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import NotFoundError
from contracts.events import ACTION_CODES, Action
from contracts.release import HISTORY_LENGTH
from lake.store import Lake
from pipeline.request import UserRow

ANSWERS_TO = (ACTION_CODES[Action.CLICK], ACTION_CODES[Action.PURCHASE])

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LoggedRequest:
    """One request as the impressions tell it: when (epoch seconds) and what was shown, best first. ``drawn`` maps items
    whose place was drawn at random to the chance that they had."""

    request_id: str
    user_id: str
    now: float
    surface: str | None
    shown: tuple[str, ...]
    drawn: Mapping[str, float]


@dataclass(frozen=True)
class Acts:
    """What one user did, in order of time: item ids, ACTION_CODES int8 [n], epoch seconds float64 [n]."""

    items: Sequence[str]
    actions: npt.NDArray[np.int8]
    times: Values

    def row(self, user_id: str, now: float) -> UserRow:
        """What the online store would have held of the user just before ``now``."""
        end = int(np.searchsorted(self.times, now, side="left"))
        seen: dict[int, dict[str, float]] = {}
        for at in range(end):
            seen.setdefault(int(self.actions[at]), {})[self.items[at]] = float(self.times[at])
        start = max(0, end - HISTORY_LENGTH)
        return UserRow(
            user_id,
            item_ids=self.items[start:end],
            actions=self.actions[start:end].tolist(),
            times=self.times[start:end].tolist(),
            seen=seen,
            age_seconds=now - float(self.times[end - 1]) if end else None,
            state="fresh" if end else "missing",
        )

    def answered(self, now: float, seconds: float) -> frozenset[str]:
        """Items clicked or bought from ``now`` on, within ``seconds``."""
        first, last = np.searchsorted(self.times, [now, now + seconds])
        return frozenset(self.items[at] for at in range(first, last) if self.actions[at] in ANSWERS_TO)


NOBODY = Acts((), np.empty(0, np.int8), np.empty(0))


def logged_requests(lake: Lake, day: date, at_most: int, seed: int) -> list[LoggedRequest]:
    """The requests of a UTC day, ``at_most`` of them drawn at random. Raises NotFoundError when none was logged."""
    columns = ["request_id", "user_id", "item_id", "position", "timestamp", "surface", "propensity"]
    rows = lake.read("impressions", columns, days=(day, day))
    ids = pc.unique(rows["request_id"]).to_pylist()
    if not ids:
        raise NotFoundError(f"the lake has no impressions of {day}: run headwater stream sink, or name another day")
    picked = np.random.default_rng(seed).permutation(sorted(ids))[:at_most]
    rows = rows.filter(pc.is_in(rows["request_id"], pa.array(picked))).sort_by(
        [("request_id", "ascending"), ("position", "ascending")]
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["request_id"], []).append(row)
    return [
        LoggedRequest(
            request_id,
            shown[0]["user_id"],
            shown[0]["timestamp"].timestamp(),
            shown[0]["surface"],
            tuple(row["item_id"] for row in shown),
            {row["item_id"]: row["propensity"] for row in shown if row["propensity"] is not None},
        )
        for request_id, shown in found.items()
    ]


def acts_of(lake: Lake, users: Sequence[str], until: date) -> dict[str, Acts]:
    """What ``users`` did up to the end of ``until``."""
    condition = pc.field("user_id").isin(list(users)) & (pc.field("day") <= until)
    rows = (
        lake.scan("interactions", condition).read_all().sort_by([("user_id", "ascending"), ("timestamp", "ascending")])
    )
    names = rows["user_id"].to_pylist()
    items = rows["item_id"].to_pylist()
    actions = np.array([ACTION_CODES[Action(action)] for action in rows["action"].to_pylist()], np.int8)
    times = rows["timestamp"].cast(pa.int64()).to_numpy() / 1e6
    edges = [at for at in range(len(names)) if at == 0 or names[at] != names[at - 1]] + [len(names)]
    return {
        names[start]: Acts(items[start:end], actions[start:end], times[start:end]) for start, end in pairwise(edges)
    }
