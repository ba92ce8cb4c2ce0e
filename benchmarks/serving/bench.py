"""Open-loop load on a running gateway: tokens, limits, impressions and all, users drawn by how often they act."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.result import Figure, percentiles
from benchmarks.serving.cached import cached_service
from benchmarks.serving.gateway_process import mapped_mib, own_mib, start_to_ready, wait_until_counted, workers
from benchmarks.serving.in_process import Stages, measure
from benchmarks.serving.made_world import made_users, made_world
from benchmarks.serving.open_loop import Sample, load
from contracts.errors import UnavailableError
from contracts.settings import Settings
from lake.snapshot import Days
from lake.store import Lake
from releases.store import ReleaseStore
from serving.auth.issuer import Issuer
from serving.auth.scopes import RECOMMENDATIONS_READ
from training.etl.abuse import REASONS
from training.jobs.outputs import DROPPED

ROUTE = "/v1/recommendations"
UNKNOWN, UNKNOWN_SHARE = "unknown-", 0.05
CACHED_USERS = 200
SETTLE_SECONDS = 3.0
"""Load before what is counted."""
STEP = 1.25
STEP_SECONDS = 6.0
LATE_MS = 250.0
"""A rate is sustained while 95 of 100 answers come within this time of being due, and none fails."""
FLOOR = "in_process_floor"


def active_users(lake: Lake, days: Days, count: int, random: np.random.Generator) -> list[str]:
    """``count`` users, each as often as they acted in ``days``. Whom a daily run dropped for breaking a rule of abuse
    (bots) is none of them: no row of theirs stands online. Raises UnavailableError for a lake without anybody else's
    actions on these days."""
    acted = lake.read("interactions", columns=["user_id"], days=days)["user_id"]
    acted = acted.filter(pc.invert(pc.is_in(acted, value_set=_abusers(lake))))
    if not len(acted):
        raise UnavailableError("the lake", "it holds no interactions to draw users from")
    users: list[str] = acted.take(random.integers(0, len(acted), count)).to_pylist()
    return users


def _abusers(lake: Lake) -> pa.Array:
    if DROPPED not in lake.tables():
        return pa.array([], pa.string())
    dropped = lake.read(DROPPED, columns=["user_id", "reason"])
    return pc.unique(dropped["user_id"].filter(pc.is_in(dropped["reason"], value_set=pa.array(REASONS))))


def with_unknown(users: Sequence[str], random: np.random.Generator) -> list[str]:
    """The users, 5 % of them somebody whom nobody knows."""
    unknown = random.random(len(users)) < UNKNOWN_SHARE
    return [f"{UNKNOWN}{n}" if unknown[n] else user for n, user in enumerate(users)]


class Gateway:
    """The gateway under test, as its clients see it."""

    def __init__(self, settings: Settings) -> None:
        self.url = f"http://{settings.bind}:{settings.gateway_port}"
        issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
        self.headers = {"Authorization": f"Bearer {issuer.token('bench', (RECOMMENDATIONS_READ,))}"}

    def answer(self, path: str) -> httpx.Response:
        """One answer. Raises UnavailableError when it is none."""
        try:
            found = httpx.get(self.url + path, headers=self.headers, timeout=10, trust_env=False)
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
        sys.stderr.write(f"{rate:.0f} requests a second: p95 {late:.1f} ms, {failed(samples)} failed\n")
        if late > LATE_MS or failed(samples):
            break
        reached, rate = rate, rate * STEP
    return reached


def failed(samples: Iterable[Sample]) -> int:
    """Answers that were none."""
    return sum(one.status != 200 for one in samples)


def hit_rate(samples: Iterable[Sample]) -> float:
    """The share of known users' requests that found a row in the store."""
    known = [not one.missing for one in samples if UNKNOWN not in one.path]
    return float(np.mean(known))


def run(argv: list[str]) -> list[Figure]:
    """The figures. Raises UnavailableError where the stack is not up."""
    parser = argparse.ArgumentParser(prog="headwater bench serving")
    parser.add_argument("--home", type=Path, help="state of the stack to measure; default as the settings say")
    parser.add_argument("--items", type=int, help="measure a made world of so many items instead, with its own servers")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--saturation-limit", type=float, default=400.0, help="highest rate tried; 0 leaves it out")
    chosen = parser.parse_args(argv)
    settings, random = Settings(home=chosen.home) if chosen.home else Settings(), np.random.default_rng(7)
    count = int(chosen.rate * chosen.seconds)
    with ExitStack() as stack:
        if chosen.items:
            settings = stack.enter_context(made_world(settings.home, chosen.items)).settings
            users = made_users(count, random)
        else:
            lake = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)
            users = active_users(lake, _trained_on(settings), count, random)
        return _figures(
            settings, with_unknown(users, random), chosen.rate, chosen.seconds, limit=chosen.saturation_limit
        )


def _trained_on(settings: Settings) -> Days:
    """The days that the champion knows: whoever acted on others only, it would answer like somebody unknown."""
    champion = Gateway(settings).answer(path_of(UNKNOWN)).json()["release"]
    manifest = ReleaseStore(settings.releases).manifest(champion)
    return manifest.data_from.date(), manifest.data_to.date()


def _figures(settings: Settings, users: Sequence[str], rate: float, seconds: float, *, limit: float) -> list[Figure]:
    paths, gateway = [path_of(user) for user in users], Gateway(settings)
    release = str(gateway.answer(paths[0]).json()["release"])
    wait_until_counted(settings)
    first, ready = start_to_ready(settings, first=True), start_to_ready(settings)
    floor = measure(settings, release, users[: len(users) // 2])
    whole = [sum(stages.values()) for stages in floor]
    gateway.samples(rate, SETTLE_SECONDS, paths)
    begun = time.perf_counter()
    samples = gateway.samples(rate, seconds, paths)
    sys.stderr.write(f"{len(samples)} requests in {time.perf_counter() - begun:.0f} s, {failed(samples)} failed\n")
    answered = [one for one in samples if one.status == 200]
    if not answered:
        raise UnavailableError("the gateway", "no request was answered")
    index = sum(file.stat().st_size for file in (settings.releases / release / "ann").glob("*")) / 2**20
    indexes = index * workers(settings.gateway_port)
    figures = percentiles("chain", [one.ms for one in answered], FLOOR, whole) + _stages(answered, floor)
    figures += [
        Figure("cached_floor_p50_ms", _cached_p50(settings, gateway, paths, rate, seconds / 2), "ms"),
        Figure("failed", float(failed(samples)), "answers"),
        Figure("degraded_share", float(np.mean([one.degraded for one in answered])), "share"),
        Figure("feature_hit_rate", hit_rate(answered), "share of known users' requests"),
        Figure(
            "gateway_memory_mib", own_mib(settings.gateway_port) - indexes, "MiB apart from indexes and mapped files"
        ),
        Figure("mapped_files_mib", mapped_mib(settings.gateway_port), "MiB, shared by the workers"),
        Figure("index_mib", index, "MiB, in each worker"),
        Figure("start_to_ready_seconds", ready, "s"),
        Figure("first_start_to_ready_seconds", first, "s, hashing the release"),
    ]
    if limit:
        reached = saturation(gateway, paths, rate, limit)
        one_core = 1000 / float(np.mean(whole))
        figures.append(Figure("saturation_rps", reached, "requests/s", f"{FLOOR} on one core", one_core))
    return figures


def _cached_p50(settings: Settings, gateway: Gateway, paths: Sequence[str], rate: float, seconds: float) -> float:
    bodies = {path.partition("?")[2]: gateway.answer(path).content for path in dict.fromkeys(paths[:CACHED_USERS])}
    with cached_service(settings.redis_url, bodies) as url:
        samples = load(url, rate, seconds, {}, [f"{ROUTE}?{query}" for query in bodies])
    return float(np.percentile([one.ms for one in samples], 50))


def _stages(samples: Sequence[Sample], floor: Sequence[Stages]) -> list[Figure]:
    """Percentiles of each stage, as the gateway timed it, beside the same stage of the floor."""
    figures = []
    for name in floor[0]:
        timed = [one.stages[name] for one in samples if name in one.stages]
        figures += percentiles(f"stage_{name}", timed, FLOOR, [stages[name] for stages in floor])
    return figures
