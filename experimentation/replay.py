"""A day's logged requests, asked again of another release, before it gets traffic.

Every request is answered by the serving pipeline with the user's actions up to that moment. The answers are compared
with what was shown then (agreement) and with what the user clicked or bought in the hours after (NDCG). People click
what they are shown: the list that was shown has the advantage, so this informs and never gates.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
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
from pipeline.chain import recommendation_chain
from pipeline.ports import Assigned
from pipeline.request import Request, UserRow
from pipeline.served import ServedRelease

RESAMPLES = 2000
LEVEL = 0.95
DEADLINE_SECONDS = 30.0
"""For one request: a replay is in no hurry, so that only a fault makes a stage fall back."""

SAID_EVERY = 100
ANSWERS_TO = (ACTION_CODES[Action.CLICK], ACTION_CODES[Action.PURCHASE])

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LoggedRequest:
    """One request as the impressions tell it: when (epoch seconds) and what was shown, best first."""

    request_id: str
    user_id: str
    now: float
    surface: str | None
    shown: tuple[str, ...]


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


@dataclass(frozen=True)
class Estimate:
    """Mean over users with a bootstrap interval; None where fewer than two users gave a value."""

    mean: float | None
    lower: float | None
    upper: float | None
    users: int


@dataclass(frozen=True)
class ReplayReport:
    """``ndcg`` and ``ndcg_shown`` are over the requests after which the user clicked or bought anything
    (``answered``); ``gain`` is their difference, paired. ``degraded`` counts the stages that fell back."""

    day: str
    release: str
    requests: int
    users: int
    answered: int
    agreement: Estimate
    ndcg: Estimate
    ndcg_shown: Estimate
    gain: Estimate
    degraded: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For printing."""
        return asdict(self)


class _Rows:
    """The port UserRows over what users had done by the time of the request."""

    def __init__(self, acts: Mapping[str, Acts]) -> None:
        self._acts = acts

    def fetch(self, user_id: str, now: float, timeout: float) -> UserRow:  # noqa: ARG002
        return self._acts.get(user_id, NOBODY).row(user_id, now)


@dataclass(frozen=True)
class _OneRelease:
    """The port Arms: everybody gets the release that is tried."""

    served: ServedRelease

    def assign(self, request: Request, row: UserRow) -> Assigned:  # noqa: ARG002
        return self.champion()

    def champion(self) -> Assigned:
        return Assigned(self.served)


def logged_requests(lake: Lake, day: date, at_most: int, seed: int) -> list[LoggedRequest]:
    """The requests of a UTC day, ``at_most`` of them drawn at random. Raises NotFoundError when none was logged."""
    columns = ["request_id", "user_id", "item_id", "position", "timestamp", "surface"]
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


def replay(
    served: ServedRelease,
    lake: Lake,
    day: date,
    *,
    at_most: int = 1000,
    hours: float = 24.0,
    seed: int = 7,
    progress: Callable[[str], None] = lambda _: None,
) -> ReplayReport:
    """Asks ``served`` the requests of ``day`` again; clicks count for ``hours``. Raises NotFoundError."""
    requests = logged_requests(lake, day, at_most, seed)
    users = sorted({request.user_id for request in requests})
    acts = acts_of(lake, users, day + timedelta(days=1 + int(hours // 24)))
    chain = recommendation_chain(_Rows(acts), _OneRelease(served), deadline=DEADLINE_SECONDS)
    values = np.full((4, len(requests)), np.nan)
    degraded: Counter[str] = Counter()
    for at, one in enumerate(requests):
        depth = len(one.shown)
        answer = chain.run(Request(one.request_id, one.user_id, one.now, count=depth, surface=one.surface))
        again = [item.item_id for item in answer.items]
        degraded.update(answer.degraded)
        values[0, at] = len(set(again) & set(one.shown)) / depth
        wanted = acts.get(one.user_id, NOBODY).answered(one.now, hours * 3600)
        if wanted:
            values[1, at], values[2, at] = ndcg(again, wanted, depth), ndcg(one.shown, wanted, depth)
            values[3, at] = values[1, at] - values[2, at]
        if (at + 1) % SAID_EVERY == 0:
            progress(f"{at + 1:,} of {len(requests):,} requests answered again")
    owners = np.searchsorted(users, [request.user_id for request in requests])
    agreement, found, shown, gain = (_estimate(row, owners, seed) for row in values)
    return ReplayReport(
        day.isoformat(), served.release, len(requests), len(users), int(np.isfinite(values[1]).sum()),
        agreement, found, shown, gain, dict(degraded),
    )  # fmt: skip


def ndcg(ranked: Sequence[str], wanted: frozenset[str], depth: int) -> float:
    """NDCG at ``depth`` with gains of 0 and 1 (Järvelin, Kekäläinen, TOIS 2002). ``wanted`` is not empty."""
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    gained = sum(discounts[at] for at, item in enumerate(ranked[:depth]) if item in wanted)
    return float(gained / discounts[: min(depth, len(wanted))].sum())


def _estimate(values: Values, owners: npt.NDArray[np.int64], seed: int) -> Estimate:
    """A user counts once, whatever the number of requests: users are resampled (percentile bootstrap)."""
    there = np.isfinite(values)
    number = np.bincount(owners[there])
    total = np.bincount(owners[there], weights=values[there])
    means = total[number > 0] / number[number > 0]
    if len(means) < 2:
        return Estimate(None, None, None, len(means))
    rng = np.random.default_rng(seed)
    draws = [float(means[rng.integers(0, len(means), len(means))].mean()) for _ in range(RESAMPLES)]
    lower, upper = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(means.mean()), float(lower), float(upper), len(means))
