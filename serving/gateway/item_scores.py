"""What is trending now: the release's trend fades, what the stream counted since is laid over it."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import redis

from contracts.clock import Clock
from contracts.errors import UnavailableError
from contracts.topics import EVENTS
from feature_repo.redis_reader import read_trending
from feature_repo.trending import HALF_LIFE_DAYS, kept_days
from pipeline.item_ids import UNKNOWN
from pipeline.items import Items
from serving.gateway.breaker import Breaker

log = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0

MOVING_DAYS = 3
"""Today, the day before it and, for clocks that differ, the one after: read every time."""
SETTLED_SECONDS = 60.0
"""How long the counters of all days before are believed: only late events change them."""


@dataclass(frozen=True)
class _Counted:
    """Items and the decayed number of actions on each, float32[n], as of ``at`` (epoch seconds)."""

    ids: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    at: float

    def add_to(self, sums: npt.NDArray[np.float32], items: Items, now: float) -> None:
        """Adds what is left of it at ``now`` to ``sums`` float32[items]."""
        rows = items.ids.rows(self.ids)
        known = rows != UNKNOWN
        sums[rows[known]] += self.scores[known] * _left(now - self.at)


class LiveTrending:
    """Reads the stream's counters; the last ones read stay in use while Redis is down."""

    def __init__(self, client: "redis.Redis[bytes]", breaker: Breaker, clock: Clock) -> None:
        self._client = client
        self._breaker = breaker
        self._clock = clock
        nothing = _Counted((), np.empty(0, np.float32), 0.0)
        self._counted = (nothing, nothing)
        """Of the days that are over and of those that are not, each day in one of them."""
        self._settled_days = frozenset[int]()
        self.read_at = clock()
        """When the counters were last read, epoch seconds; the start of all before the first time."""

    def read(self) -> None:
        """Reads the counters once. Keeps what is known when Redis does not answer."""
        now = self._clock()
        days = list(kept_days(now))
        over, settled = frozenset(days[:-MOVING_DAYS]), self._counted[0]
        try:
            if over != self._settled_days or abs(now - settled.at) > SETTLED_SECONDS:
                settled = self._read(over)
            self._counted, self._settled_days = (settled, self._read(days[-MOVING_DAYS:])), over
            self.read_at = self._clock()
        except UnavailableError as error:
            log.info("trending items stay as they were: %s", error)

    def _read(self, days: Iterable[int]) -> _Counted:
        now = self._clock()
        scores = self._breaker.call(read_trending, self._client, EVENTS.partitions, lambda: now, days=days)
        return _Counted(tuple(scores), np.fromiter(scores.values(), np.float32, len(scores)), now)

    def over(self, items: Items, data_to: float, now: float) -> Items:
        """The table with the trend of ``now``: for each item the larger of the stream's count and what is left of the
        release's, counted at ``data_to`` (epoch seconds)."""
        counted = np.zeros(len(items), np.float32)
        for part in self._counted:
            part.add_to(counted, items, now)
        return items.with_scores(items.popular, np.maximum(items.trending * _left(now - data_to), counted))


def _left(seconds: float) -> np.float32:
    """The share of an action that counts after ``seconds``."""
    return np.float32(2.0 ** (-max(seconds, 0.0) / DAY_SECONDS / HALF_LIFE_DAYS))
