"""The port ``UserRows`` over Feast's online store in Redis, by the direct reader of ``feature_repo``."""

from collections.abc import Sequence

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from feature_repo.activity import DAY_MS
from feature_repo.redis_reader import UserRow as OnlineRow
from feature_repo.redis_reader import read_user
from pipeline.request import UserRow
from serving.gateway.breaker import Breaker

FRESH, STALE, MISSING = "fresh", "stale", "missing"


def connect(redis_url: str, timeout: float) -> "redis.Redis[bytes]":
    """A client that gives up after ``timeout`` seconds and tries a broken connection once more, at once."""
    return redis.Redis.from_url(
        redis_url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 1)
    )


class RedisUserRows:
    """``releases`` are those in force: their vectors come with the row. A vector that does not know the user's last
    actions is kept apart: the tower computes one from the history, and this one stands in where it cannot."""

    def __init__(
        self, client: "redis.Redis[bytes]", breaker: Breaker, releases: Sequence[str], stale_seconds: float
    ) -> None:
        self._client = client
        self._breaker = breaker
        self._releases = tuple(releases)
        self._stale_seconds = stale_seconds

    def fetch(self, user_id: str, now: float, timeout: float) -> UserRow:  # noqa: ARG002
        """See UserRows. The client's own time limit holds, whatever ``timeout`` says."""
        row = self._breaker.call(read_user, self._client, user_id, self._releases)
        age = _age(row, now)
        state = MISSING if age is None else STALE if age > self._stale_seconds else FRESH
        acts = row.activity.acts
        stale = frozenset(name for name in row.vectors if row.stale_vector(name))
        return UserRow(
            user_id,
            item_ids=[act.item_id for act in acts],
            actions=[act.action for act in acts],
            times=[act.time_ms / 1000 for act in acts],
            seen=_seen(row),
            vectors={name: held.vector for name, held in row.vectors.items() if name not in stale},
            stale_vectors={name: row.vectors[name].vector for name in stale},
            features=row.daily,
            age_seconds=age,
            state=state,
        )


def _age(row: OnlineRow, now: float) -> float | None:
    ages = [age for age in (row.age_seconds(now), row.daily_age_seconds(now)) if age is not None]
    return min(ages) if ages else None


def _seen(row: OnlineRow) -> dict[int, dict[str, float]]:
    seen: dict[int, dict[str, float]] = {}
    for (item_id, action), day in row.seen.days.items():
        seen.setdefault(action, {})[item_id] = day * DAY_MS / 1000
    return seen
