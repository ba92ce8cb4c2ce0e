"""Twenty requests a second, bursts of twice that: over any stretch of time, shared by all processes."""

import time

import pytest

from serving.gateway.problems import ProblemError
from serving.gateway.rate_limit import WINDOW_SECONDS, RateLimiter

RATE = 20


def limiter(redis_url: str, client_rate: int = 500) -> RateLimiter:
    return RateLimiter(redis_url, RATE, client_rate, timeout=1.0)


def let_in(one: RateLimiter, requests: int, user: str, client: str = "app") -> int:
    """How many of ``requests`` at once are let in."""
    refusals = []
    for _ in range(requests):
        try:
            one.check(client, user)
        except ProblemError as error:
            refusals.append((error.status, error.errors[0].field, int(error.headers["Retry-After"])))
    assert all((status, field) == (429, "user") for status, field, _ in refusals)
    assert all(1 <= wait <= WINDOW_SECONDS for *_, wait in refusals)
    return requests - len(refusals)


@pytest.mark.parametrize("shared", [True, False])
def test_a_burst_is_twice_the_rate_and_no_boundary_doubles_it(clean_redis: str, shared: bool) -> None:
    one = limiter(clean_redis if shared else "redis://127.0.0.1:9/0")
    begun = time.monotonic()
    passed = let_in(one, 2 * RATE, "u")
    while time.monotonic() < begun + 1.5:
        passed += let_in(one, 3, "u")
        time.sleep(0.02)
    assert passed == 2 * RATE
    time.sleep(max(begun + WINDOW_SECONDS + 0.3 - time.monotonic(), 0))
    assert let_in(one, 3 * RATE, "u") == 2 * RATE
    assert let_in(one, 5, "another") == 5


def test_the_steady_rate_is_never_refused(clean_redis: str) -> None:
    one, begun = limiter(clean_redis), time.monotonic()
    for n in range(3 * RATE):
        time.sleep(max(begun + n * 1.02 / RATE - time.monotonic(), 0))
        assert let_in(one, 1, "steady") == 1


def test_processes_share_a_limit_and_are_told_what_is_left(clean_redis: str) -> None:
    one, other = limiter(clean_redis), limiter(clean_redis)
    assert one.check("app", "u").headers()["RateLimit-Remaining"] == str(2 * RATE - 1)
    quota = other.check("app", "u")
    assert (quota.kind, quota.limit, quota.remaining) == ("user", 2 * RATE, 2 * RATE - 2)
    assert 1 <= quota.reset_seconds <= WINDOW_SECONDS
    assert let_in(other, 2 * RATE, "u") == 2 * RATE - 2


def test_a_client_has_a_limit_of_its_own(clean_redis: str) -> None:
    one = limiter(clean_redis, client_rate=5)
    for n in range(10):
        one.check("app", f"u{n}")
    with pytest.raises(ProblemError) as caught:
        one.check("app", "u11")
    assert caught.value.errors[0].field == "client"
    one.check("another", "u11")
