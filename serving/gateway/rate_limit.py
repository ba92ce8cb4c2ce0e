"""Limits per user and per client, in Redis and so shared by all gateways; per process while Redis is down."""

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
"""A window holds what the rate allows in this time, all of which may come at once: a burst of twice the rate."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of one limit. ``reset_seconds`` is when the window is over at the latest."""

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


class RateLimiter:
    """Fixed windows that open with the first request (``limits``). One round trip a limit."""

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
        quotas = [self._hit("client", client_id)]
        if user_id is not None:
            quotas.append(self._hit("user", user_id))
        return min(quotas, key=lambda quota: quota.remaining / quota.limit)

    def _hit(self, kind: str, identity: str) -> Quota:
        item = self._limits[kind]
        key = item.key_for(kind, identity)
        try:
            used = self._breaker.call(self._shared.incr, key, item.get_expiry())
        except UnavailableError:
            metrics.LIMIT_FALLBACK.inc()
            used = self._local.incr(key, item.get_expiry())
        quota = Quota(kind, item.amount, max(item.amount - used, 0))
        if used > item.amount:
            metrics.LIMITED.labels(kind).inc()
            raise ProblemError(
                429,
                f"more than {item.amount} requests in {WINDOW_SECONDS} seconds for one {kind}",
                errors=[FieldError(field=kind, message="slow down")],
                headers={**quota.headers(), "Retry-After": str(WINDOW_SECONDS)},
            )
        return quota
