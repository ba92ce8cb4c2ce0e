"""A console over small releases in a real PostgreSQL, and one beside a real gateway and model server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contracts.settings import Settings
from database.engine import connect
from releases.pointers import Pointers
from releases.promotion import Door
from releases.store import ReleaseStore
from serving.gateway.configuration import Configuration
from streaming.consumer.health import Health, HealthServer
from streaming.consumer.metrics import ConsumerMetrics
from tests.browsing import browse, chromium
from tests.console import filled
from tests.console.running import RunningConsole, alone, running_console
from tests.releases import releases
from tests.serving.conftest import (
    FIRST,
    SECOND,
    THIRD,
    World,
    built_models,
    free_port,
    models_address,
    module_prefix,
    serving_database,
    serving_home,
    world,
)

__all__ = [
    "browse",
    "built_models",
    "chromium",
    "models_address",
    "module_prefix",
    "serving_database",
    "serving_home",
    "world",
]

A, B, C = FIRST, SECOND, THIRD


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """PostgreSQL and three releases, of which the second is champion after the first; nothing else answers."""
    store = ReleaseStore(tmp_path / "releases")
    for identifier in (A, B, C):
        releases.published(store, identifier)
    engine = connect(database_url)
    door = Door(store, Pointers(engine), tmp_path / "models")
    for identifier in (A, B):
        door.promote(identifier, who="bob", why="test")
    engine.dispose()
    return alone(home=tmp_path, database_url=database_url, console_port=free_port())


@pytest.fixture
def console(settings: Settings) -> Iterator[RunningConsole]:
    with running_console(settings) as running:
        yield running


@pytest.fixture(scope="module")
def whole(world: World) -> Iterator[RunningConsole]:
    """The console of an installation that has run for days: gateway, consumer's figures, lake, experiment, reports."""
    from tests.serving import running

    settings = _settings(world)
    for identifier, gain in {SECOND: 1.0, THIRD: 1.06}.items():
        filled.judge(settings, identifier, gain)
        world.publish(identifier, **filled.measured(gain))
        world.point(identifier)
    filled.judge(settings, "r0000000000ff", 0.6)
    filled.fill_lake(settings)
    filled.fill_experiment(settings, SECOND)
    filled.write_reports(settings.home)
    with (
        running.running_gateway(Configuration.of(settings), settings.gateway_port) as gateway,
        _consumer(settings.consumer_port),
        running_console(settings) as console,
    ):
        for number in range(30):
            gateway.recommend(f"u{number}")
        yield console


def _settings(world: World) -> Settings:
    there, ports = world.configuration, [free_port() for _ in range(3)]
    gateway, consumer = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
    return alone(
        home=there.home,
        releases=there.releases,
        redis_url=there.redis_url,
        database_url=there.database_url,
        kafka_bootstrap=there.kafka_bootstrap,
        topic_prefix=there.topic_prefix,
        model_server=there.model_server,
        gateway_port=ports[0],
        gateway_url=gateway,
        gateway_metrics_url=gateway,
        consumer_port=ports[1],
        consumer_url=consumer,
        console_port=ports[2],
        rate_user_per_second=500,
        rate_client_per_second=5000,
        request_deadline_ms=1000,
    )


@contextmanager
def _consumer(port: int) -> Iterator[None]:
    """The consumer's own server of health and metrics, with figures of some batches."""
    metrics, health = ConsumerMetrics(), Health(joined=True)
    metrics.events.inc(1200)
    metrics.lag.labels("0").set(7)
    for number in range(400):
        metrics.age.observe(0.02 + number / 4000)
    server = HealthServer("127.0.0.1", port, health, metrics.registry)
    server.start()
    yield
    server.stop()
