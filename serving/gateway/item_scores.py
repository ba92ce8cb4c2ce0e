"""What is trending now: the release's trend fades, what the stream counted since is laid over it."""

import logging

import numpy as np
import redis

from contracts.clock import Clock
from contracts.errors import UnavailableError
from contracts.topics import EVENTS
from feature_repo.redis_reader import read_trending
from feature_repo.trending import HALF_LIFE_DAYS
from pipeline.item_ids import UNKNOWN
from pipeline.items import Items
from serving.gateway.breaker import Breaker

log = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0


class LiveTrending:
    """Reads the stream's counters; the last ones read stay in use while Redis is down."""

    def __init__(self, client: "redis.Redis[bytes]", breaker: Breaker, clock: Clock) -> None:
        self._client = client
        self._breaker = breaker
        self._clock = clock
        self._scores: dict[str, float] = {}
        self.read_at = clock()
        """When the counters were last read, epoch seconds; the start of all before the first time."""

    def read(self) -> None:
        """Reads the counters once. Keeps what is known when Redis does not answer."""
        try:
            self._scores = self._breaker.call(read_trending, self._client, EVENTS.partitions, self._clock)
            self.read_at = self._clock()
        except UnavailableError as error:
            log.info("trending items stay as they were: %s", error)

    def over(self, items: Items, data_to: float, now: float) -> Items:
        """The table with the trend of ``now``: for each item the larger of the stream's count and what is left of the
        release's, counted at ``data_to`` (epoch seconds)."""
        trending = items.trending * np.float32(2.0 ** (-max(now - data_to, 0.0) / DAY_SECONDS / HALF_LIFE_DAYS))
        rows = items.ids.rows(tuple(self._scores))
        known = rows != UNKNOWN
        scores = np.fromiter(self._scores.values(), np.float32, len(rows))
        trending[rows[known]] = np.maximum(trending[rows[known]], scores[known])
        return items.with_scores(items.popular, trending)
