"""Limits per user and per client, in Redis and so shared by all gateways; per process while Redis is down."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import redis
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage, RedisStorage

from contracts.errors import UnavailableError
from contracts.requests import FieldError
from serving.gateway import metrics
from serving.gateway.breaker import Breaker
from serving.gateway.problems import ProblemError

WINDOW_SECONDS = 2
"""No stretch of this length, wherever it begins, holds more than the rate allows in it. All of that may come at once:
a burst of twice the rate."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of one limit. ``reset_seconds`` is when the oldest request that counts no longer does."""

    kind: str
    limit: int
    remaining: int
    reset_seconds: int = WINDOW_SECONDS

    def headers(self) -> dict[str, str]:
        """The ``RateLimit-*`` headers."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
            "RateLimit-Policy": f"{self.limit};w={WINDOW_SECONDS}",
        }


@dataclass(frozen=True, slots=True)
class _Asked:
    kind: str
    item: RateLimitItemPerSecond
    key: str


@dataclass(frozen=True, slots=True)
class _Window:
    """Whether the request was let in, when the oldest one that counts came (epoch seconds), and how many count."""

    acquired: bool
    start: float
    count: int


class RateLimiter:
    """Moving windows (``limits``), all limits of a request in one exchange with Redis."""

    def __init__(self, redis_url: str, user_per_second: int, client_per_second: int, *, timeout: float = 0.05) -> None:
        """``timeout`` is what Redis may take, seconds."""
        self._shared = RedisStorage(redis_url, socket_timeout=timeout, socket_connect_timeout=timeout)
        self._local = MemoryStorage()
        self._breaker = Breaker("redis", (redis.RedisError, OSError))
        self._limits = {
            kind: RateLimitItemPerSecond(rate * WINDOW_SECONDS, WINDOW_SECONDS, namespace="headwater")
            for kind, rate in (("user", user_per_second), ("client", client_per_second))
        }

    def check(self, client_id: str, user_id: str | None) -> Quota:
        """Counts one request against both limits. Raises ProblemError 429 naming the one that is exceeded.

        Returns the tighter of the two.
        """
        asked = [self._asked("client", client_id)]
        if user_id is not None:
            asked.append(self._asked("user", user_id))
        try:
            windows = self._breaker.call(self._hit_shared, asked)
        except UnavailableError:
            metrics.LIMIT_FALLBACK.inc()
            windows = self._hit_local(asked)
        quotas = []
        for one, window in zip(asked, windows, strict=True):
            limit = one.item.amount
            wait = max(1, math.ceil(window.start + WINDOW_SECONDS - time.time()))
            quota = Quota(one.kind, limit, max(limit - window.count, 0), min(wait, WINDOW_SECONDS))
            if not window.acquired:
                metrics.LIMITED.labels(one.kind).inc()
                raise ProblemError(
                    429,
                    f"more than {limit} requests in {WINDOW_SECONDS} seconds for one {one.kind}",
                    errors=[FieldError(field=one.kind, message="slow down")],
                    headers={**quota.headers(), "Retry-After": str(quota.reset_seconds)},
                )
            quotas.append(quota)
        return min(quotas, key=lambda quota: quota.remaining / quota.limit)

    def _asked(self, kind: str, identity: str) -> _Asked:
        item = self._limits[kind]
        return _Asked(kind, item, item.key_for(kind, identity))

    def _hit_shared(self, asked: Sequence[_Asked]) -> list[_Window]:
        """The library's own scripts, sent together: its strategies would wait for Redis four times."""
        now = time.time()
        with self._shared.get_connection().pipeline(transaction=False) as pipe:
            for one in asked:
                key, expiry = self._shared.prefixed_key(one.key), one.item.get_expiry()
                self._shared.lua_acquire_moving_window([key], [now, one.item.amount, expiry, 1], client=pipe)
                self._shared.lua_moving_window([key], [now - expiry, one.item.amount], client=pipe)
            answers = pipe.execute()
        return [
            _Window(bool(acquired), *((float(window[0]), int(window[1])) if window else (now, 0)))
            for acquired, window in zip(answers[::2], answers[1::2], strict=True)
        ]

    def _hit_local(self, asked: Sequence[_Asked]) -> list[_Window]:
        windows = []
        for one in asked:
            amount, expiry = one.item.amount, one.item.get_expiry()
            acquired = self._local.acquire_entry(one.key, amount, expiry)
            windows.append(_Window(acquired, *self._local.get_moving_window(one.key, amount, expiry)))
        return windows
