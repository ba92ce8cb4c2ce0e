"""A day's logged requests, asked again of another release, before it gets traffic.

Every request is answered by the serving pipeline with the user's actions up to that moment. The answers are compared
with what was shown then (agreement) and with what the user clicked or bought in the hours after (NDCG). People click
what they are shown: the list that was shown has the advantage, so this informs and never gates. Slots that were drawn
at random know no such advantage: from them it is estimated what the release would earn (``off_policy``).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from experimentation.logged_requests import NOBODY, Acts, LoggedRequest, Values, acts_of, logged_requests
from experimentation.off_policy import Drawn, OffPolicy, estimate
from lake.store import Lake
from pipeline.chain import recommendation_chain
from pipeline.ports import Assigned
from pipeline.request import Request, UserRow
from pipeline.served import ServedRelease

RESAMPLES = 2000
LEVEL = 0.95
DEADLINE_SECONDS = 30.0
"""For one request: a replay is in no hurry, so that only a fault makes a stage fall back."""

SLOT_ITEMS = 50
"""The judged policy fills a drawn slot with one of so many items of the release's own list, each as likely."""

GUESS_WEIGHT = 20.0
"""Impressions of the mean item that the guess of an item's reward starts from."""

SAID_EVERY = 100


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
    (``answered``); ``gain`` is their difference, paired. ``slot`` is what the release would earn in slots that were
    drawn. ``degraded`` counts the stages that fell back."""

    day: str
    release: str
    requests: int
    users: int
    answered: int
    agreement: Estimate
    ndcg: Estimate
    ndcg_shown: Estimate
    gain: Estimate
    slot: OffPolicy
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
    policies: dict[str, tuple[str, ...]] = {}
    for at, one in enumerate(requests):
        depth = len(one.shown)
        request = Request(one.request_id, one.user_id, one.now, count=depth, surface=one.surface)
        answer = chain.run(request)
        if one.drawn:
            wide = chain.run(replace(request, count=SLOT_ITEMS))
            policies[one.request_id] = tuple(item.item_id for item in wide.items)
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
    slot = estimate(_drawn(requests, policies, owners, acts, hours), seed)
    agreement, found, shown, gain = (_estimate(row, owners, seed) for row in values)
    return ReplayReport(
        day.isoformat(), served.release, len(requests), len(users), int(np.isfinite(values[1]).sum()),
        agreement, found, shown, gain, slot, dict(degraded),
    )  # fmt: skip


def _drawn(
    requests: Sequence[LoggedRequest],
    policies: Mapping[str, tuple[str, ...]],
    owners: npt.NDArray[np.int64],
    acts: Mapping[str, Acts],
    hours: float,
) -> Drawn:
    """The drawn slots of ``requests``. Rewards are guessed from what was not drawn: the click rate of each item, drawn
    towards that of all."""
    rows, shown, clicked = [], Counter[str](), Counter[str]()
    for one, owner in zip(requests, owners.tolist(), strict=True):
        wanted = acts.get(one.user_id, NOBODY).answered(one.now, hours * 3600)
        chosen = [item for item in one.shown if item not in one.drawn]
        shown.update(chosen)
        clicked.update(wanted.intersection(chosen))
        rows += [(owner, chance, one.request_id, item, item in wanted) for item, chance in one.drawn.items()]
    mean = clicked.total() / max(shown.total(), 1)
    guess = {item: (clicked[item] + GUESS_WEIGHT * mean) / (times + GUESS_WEIGHT) for item, times in shown.items()}
    return Drawn(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows]),
        np.array([policies[row[2]].count(row[3]) / max(len(policies[row[2]]), 1) for row in rows]),
        np.array([row[4] for row in rows], np.float64),
        np.array([guess.get(row[3], mean) for row in rows]),
        np.array([np.mean([guess.get(item, mean) for item in policies[row[2]]] or [mean]) for row in rows]),
    )


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
