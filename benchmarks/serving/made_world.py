"""An installation of the benchmark's own: Redis, PostgreSQL, Kafka, model server and gateway over a made release.

Built once under ``<home>/bench/serving-<items>`` and kept; its servers stop when the benchmark ends.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import redis

from benchmarks.serving.gateway_process import wait_until_ready
from benchmarks.serving.made_release import FEATURES, popularity, publish
from contracts.events import ACTION_CODES
from contracts.release import CHAMPION, HISTORY_LENGTH
from contracts.settings import PORT_OFFSETS, Settings
from database.engine import connect
from feature_repo import activity, seen
from feature_repo.activity import Act, UserActivity
from feature_repo.online import USER_ACTIVITY, USER_DAILY, USER_SEEN, USER_VECTOR
from feature_repo.redis_writer import next_version, write_rows
from feature_repo.seen import UserSeen
from pipeline import mapped_items
from releases.model_repository import place, remove
from releases.pointers import Pointers
from releases.store import ReleaseStore
from stack.composition import compose
from stack.preflight import free_ports
from stack.process import running

USERS = 5_000
MEAN_HISTORY = 20
VECTOR_SHARE = 0.8
"""Users whose vector is stored; for the others, who just acted, the tower computes one."""
BESIDE = ("redis", "postgres", "kafka", "model-server")


@dataclass(frozen=True)
class MadeWorld:
    """A running installation: its settings and its releases, the first of them in force."""

    settings: Settings
    releases: tuple[str, ...]

    def point(self, release_id: str) -> None:
        """Moves the champion; its models are placed for the model server before."""
        models = self.settings.home / "models"
        place(self.settings.releases / release_id, models)
        engine = connect(self.settings.database_url)
        pointers = Pointers(engine, self.settings.now())
        pointers.move(CHAMPION, release_id, pointers.get(CHAMPION).revision, "bench", "bench")
        engine.dispose()

    def take_away(self, release_id: str) -> None:
        """Removes the models of a release that is not in force from the model server."""
        remove(ReleaseStore(self.settings.releases).manifest(release_id).model_version, self.settings.home / "models")


def release_ids(items: int, count: int) -> tuple[str, ...]:
    """The ids of the made releases."""
    return tuple(f"r{items:010x}{n:02x}" for n in range(count))


def made_users(count: int, random: np.random.Generator) -> list[str]:
    """``count`` of the made users, each as often as they act: the first most."""
    chance = popularity(USERS)
    return [f"user{n}" for n in random.choice(USERS, count, p=chance)]


def settings_of(home: Path, items: int) -> Settings:
    """Settings of the made installation: free ports, and as many workers as who sets nothing gets."""
    folder = home / "bench" / f"serving-{items}"
    workers = Settings.model_fields["gateway_workers"].default
    ports = dict(zip(PORT_OFFSETS, free_ports("127.0.0.1", len(PORT_OFFSETS)), strict=True))
    return Settings.model_validate({"home": folder, "gateway_workers": workers, **ports})


@contextmanager
def made_world(home: Path, items: int, releases: int = 1) -> Iterator[MadeWorld]:
    """Builds what is missing, starts the servers, and waits until the gateway is ready."""
    settings, ids = settings_of(home, items), release_ids(items, releases)
    _build(settings, ids, items)
    servers = {server.name: server for wave in compose(settings) for server in wave}
    world = MadeWorld(settings, ids)
    with ExitStack() as stack:
        for name in BESIDE:
            _say(f"starting {name}")
            stack.enter_context(running(servers[name], settings.home / "logs"))
        world.point(ids[0])
        _write_users(settings, ids, items)
        _say("starting the gateway")
        stack.enter_context(running(servers["gateway"], settings.home / "logs"))
        wait_until_ready(servers["gateway"].address)
        yield world


def _build(settings: Settings, ids: tuple[str, ...], items: int) -> None:
    store = ReleaseStore(settings.releases)
    for manifest in store.list():
        if mapped_items.FILE not in manifest.files:  # made by a version before
            store.delete(manifest.id)
    there = {manifest.id for manifest in store.list()}
    for release_id in ids:
        if release_id not in there:
            _say(f"building a release of {items:,} items, kept in {settings.releases}")
            publish(settings.releases, settings.home / "models", release_id, items, settings.now())


def _write_users(settings: Settings, ids: tuple[str, ...], items: int) -> None:
    """Every user's actions, seen items, daily features and, for most, the vector under each release."""
    random, now = np.random.default_rng(7), settings.now()()
    version, size = next_version(0, settings.now()), ReleaseStore(settings.releases).manifest(ids[0]).vector_size
    acted_on = random.choice(items, (USERS, HISTORY_LENGTH), p=popularity(items))
    histories = [_history(random, rows, now) for rows in acted_on]
    names = [{"user_id": f"user{n}"} for n in range(USERS)]
    seens = [UserSeen({(a.item_id, a.action): a.time_ms // activity.DAY_MS for a in one.acts}) for one in histories]
    vectors = random.standard_normal((USERS, size), dtype=np.float32) / np.float32(np.sqrt(size))
    daily = dict.fromkeys(FEATURES, 1.0)
    held = np.flatnonzero(random.random(USERS) < VECTOR_SHARE)
    with redis.Redis.from_url(settings.redis_url) as client:
        rows = zip(names, map(activity.to_features, histories), [version] * USERS, strict=True)
        write_rows(client, USER_ACTIVITY, rows)
        write_rows(client, USER_SEEN, zip(names, map(seen.to_features, seens), [version] * USERS, strict=True))
        write_rows(client, USER_DAILY, ((name, daily, version) for name in names))
        for release in ids:
            write_rows(
                client,
                USER_VECTOR,
                (({**names[n], "release": release}, {"user_vector": vectors[n]}, version) for n in held),
            )


def _history(random: np.random.Generator, rows: npt.NDArray[np.int64], now: float) -> UserActivity:
    """Actions on the first of ``rows``, MEAN_HISTORY of them on average, most in the last days."""
    count = int(min(random.geometric(1 / MEAN_HISTORY), HISTORY_LENGTH))
    times = np.sort(now - random.exponential(2 * 86_400, count)) * 1000
    actions = random.choice(list(ACTION_CODES.values()), count)
    keys = random.integers(0, activity.KEY_MASK, count)
    acts = zip(times.tolist(), keys.tolist(), rows.tolist(), actions.tolist(), strict=False)
    return UserActivity(tuple(Act(int(time), key, f"item{row}", action) for time, key, row, action in acts))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
