"""Open-loop load on a running gateway: tokens, limits, impressions and all, users drawn by how often they act."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlencode

import httpx
import numpy as np

from benchmarks.result import Figure, percentiles
from benchmarks.serving.floors import cached_service, in_process, spent_ms
from benchmarks.serving.open_loop import Sample, load
from contracts.errors import UnavailableError
from contracts.settings import Settings
from lake.store import Lake
from pipeline.request import Answer
from serving.auth.issuer import Issuer
from serving.auth.scopes import RECOMMENDATIONS_READ

ROUTE = "/v1/recommendations"
UNKNOWN_SHARE = 0.05
CACHED_USERS = 200
SETTLE_SECONDS = 3.0
"""Load before what is counted."""
STEP = 1.25
STEP_SECONDS = 6.0
LATE_MS = 250.0
"""A rate is sustained while 95 of 100 answers come within this time of being due, and none fails."""


def drawn_users(lake: Lake, count: int, seed: int = 7) -> list[str]:
    """``count`` users, each as often as they act, 5 % that nobody knows. Raises UnavailableError for an empty lake."""
    table = lake.read("interactions", columns=["user_id"])
    if not len(table):
        raise UnavailableError("the lake", "it holds no interactions to draw users from")
    random = np.random.default_rng(seed)
    rows = random.integers(0, len(table), count)
    users: list[str] = table["user_id"].take(rows).to_pylist()
    unknown = random.random(count) < UNKNOWN_SHARE
    return [f"unknown-{n}" if unknown[n] else user for n, user in enumerate(users)]


class Gateway:
    """The gateway under test, as its clients see it."""

    def __init__(self, settings: Settings) -> None:
        self.url = f"http://{settings.bind}:{settings.gateway_port}"
        issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
        self.headers = {"Authorization": f"Bearer {issuer.token('bench', (RECOMMENDATIONS_READ,))}"}

    def answer(self, path: str) -> httpx.Response:
        """One answer. Raises UnavailableError when it is none."""
        try:
            found = httpx.get(self.url + path, headers=self.headers, timeout=10)
        except httpx.HTTPError as error:
            raise UnavailableError("the gateway", f"{self.url} does not answer; run headwater up") from error
        if found.status_code != 200:
            raise UnavailableError("the gateway", f"{found.status_code} {found.text[:200]}")
        return found

    def samples(self, rate: float, seconds: float, paths: Sequence[str]) -> list[Sample]:
        """What became of the requests at ``rate`` a second."""
        return load(self.url, rate, seconds, self.headers, paths)


def path_of(user_id: str) -> str:
    """The request for one user's ten items."""
    return f"{ROUTE}?{urlencode({'user_id': user_id, 'count': 10})}"


def saturation(gateway: Gateway, paths: Sequence[str], first: float, limit: float) -> float:
    """Answers a second at the highest rate that is sustained, tried in steps of a quarter from ``first``."""
    reached, rate = 0.0, first
    while rate <= limit:
        samples = gateway.samples(rate, STEP_SECONDS, paths)
        late = float(np.percentile([one.ms for one in samples], 95))
        sys.stderr.write(f"{rate:.0f} requests a second: p95 {late:.1f} ms, {_failed(samples)} failed\n")
        if late > LATE_MS or _failed(samples):
            break
        reached, rate = rate, rate * STEP
    return reached


def _failed(samples: Iterable[Sample]) -> int:
    return sum(one.status != 200 for one in samples)


def run(argv: list[str]) -> list[Figure]:
    """The figures. Raises UnavailableError where the stack is not up."""
    parser = argparse.ArgumentParser(prog="headwater bench serving")
    parser.add_argument("--home", type=Path, help="state of the stack to measure; default as the settings say")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--saturation-limit", type=float, default=400.0, help="highest rate tried; 0 leaves it out")
    chosen = parser.parse_args(argv)
    settings = Settings(home=chosen.home) if chosen.home else Settings()
    lake = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)
    users = drawn_users(lake, int(chosen.rate * chosen.seconds))
    paths = [path_of(user) for user in users]
    gateway = Gateway(settings)
    release = str(gateway.answer(paths[0]).json()["release"])

    floor = in_process(settings, release, users[: len(users) // 2])
    floors = spent_ms(floor)
    gateway.samples(chosen.rate, SETTLE_SECONDS, paths)
    begun = time.perf_counter()
    samples = gateway.samples(chosen.rate, chosen.seconds, paths)
    sys.stderr.write(f"{len(samples)} requests in {time.perf_counter() - begun:.0f} s, {_failed(samples)} failed\n")
    answered = [one for one in samples if one.status == 200]
    if not answered:
        raise UnavailableError("the gateway", "no request was answered")
    bodies = {path.partition("?")[2]: gateway.answer(path).content for path in dict.fromkeys(paths[:CACHED_USERS])}
    with cached_service(settings.redis_url, bodies) as url:
        cached = load(url, chosen.rate, chosen.seconds / 2, {}, [f"{ROUTE}?{query}" for query in bodies])

    figures = percentiles("chain", [one.ms for one in answered], "in_process_floor", floors)
    figures += _stages(answered, floor)
    figures.append(Figure("cached_floor_p50_ms", float(np.percentile([one.ms for one in cached], 50)), "ms"))
    figures.append(Figure("failed", float(_failed(samples)), "answers"))
    figures.append(Figure("degraded_share", float(np.mean([one.degraded for one in answered])), "share"))
    if chosen.saturation_limit:
        floor_rate = 1000 / float(np.mean(floors))
        reached = saturation(gateway, paths, chosen.rate, chosen.saturation_limit)
        figures.append(Figure("saturation_rps", reached, "requests/s", "in_process_floor on one core", floor_rate))
    return figures


def _stages(samples: Sequence[Sample], floor: Sequence[Answer]) -> list[Figure]:
    """p50 of each stage, as the gateway timed it, beside the same stage of the floor."""
    alone: dict[str, list[float]] = {}
    for answer in floor:
        for stage in answer.stages:
            alone.setdefault(stage.stage, []).append(stage.milliseconds)
    return [
        Figure(
            f"stage_{name}_p50_ms",
            float(np.percentile([one.stages[name] for one in samples if name in one.stages], 50)),
            "ms",
            "in_process_floor",
            float(np.percentile(times, 50)),
        )
        for name, times in alone.items()
    ]
