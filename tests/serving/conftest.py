"""A small release, its model server and a gateway on the session's real Redis, Kafka and PostgreSQL."""

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy

from database.engine import connect
from releases.pointers import Pointers
from serving.gateway.configuration import Configuration
from tests.serving import toy_release

if TYPE_CHECKING:
    from tests.serving.running import RunningGateway

WithChanges = Callable[..., "AbstractContextManager[RunningGateway]"]
FIRST, SECOND, THIRD = "r00000000000a", "r00000000000b", "r00000000000c"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class World:
    """What one gateway stands on."""

    configuration: Configuration
    built: Path
    pointers: Pointers

    def publish(self, release_id: str, **changes: object) -> Path:
        models = self.configuration.home / "models"
        return Path(toy_release.publish(self.configuration.releases, models, self.built, release_id, **changes))

    def point(self, release_id: str | None, name: str = "champion") -> None:
        current = self.pointers.get(name)
        self.pointers.move(name, release_id, current.revision, "tester", "test")


@pytest.fixture(scope="session")
def built_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("built")
    toy_release.build_models(root)
    return root


@pytest.fixture(scope="session")
def serving_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="session")
def models_address(serving_home: Path) -> Iterator[str]:
    from tests.serving import running

    with running.model_server(serving_home, free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def serving_database(postgres_address: str, migrated_template: str) -> Iterator[str]:
    name = f"serving_{uuid.uuid4().hex[:12]}"
    admin = sqlalchemy.create_engine(
        f"postgresql+psycopg2://headwater@{postgres_address}/postgres", isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    yield f"postgresql+psycopg2://headwater@{postgres_address}/{name}"
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="module")
def module_prefix(kafka_bootstrap: str) -> str:
    from stack.servers.kafka import create_topics

    prefix = f"s{uuid.uuid4().hex[:10]}."
    create_topics(kafka_bootstrap, prefix)
    return prefix


@pytest.fixture(scope="module")
def world(
    built_models: Path,
    serving_home: Path,
    models_address: str,
    redis_url: str,
    kafka_bootstrap: str,
    serving_database: str,
    module_prefix: str,
) -> Iterator[World]:
    engine = connect(serving_database)
    configuration = Configuration(
        home=serving_home,
        releases=serving_home / "releases",
        redis_url=redis_url,
        database_url=serving_database,
        kafka_bootstrap=kafka_bootstrap,
        topic_prefix=module_prefix,
        model_server=models_address,
        issuer="http://issuer.test",
        embedded_issuer=True,
        audience="headwater",
        clock_skew_seconds=30,
        rate_user_per_second=500,
        rate_client_per_second=5000,
        event_future_seconds=60,
        user_stale_seconds=7 * 86400,
        release_poll_seconds=0.1,
        request_deadline_ms=1000,
        clock=time.time,
        refresh_seconds=0.5,
    )
    there = World(configuration, built_models, Pointers(engine))
    there.publish(FIRST)
    there.point(FIRST)
    yield there
    engine.dispose()


@pytest.fixture(scope="module")
def gateway(world: World) -> "Iterator[RunningGateway]":
    from tests.serving import running  # imports kafka, whose warnings are let pass only once tests are collected

    with running.running_gateway(world.configuration, free_port()) as one:
        running.wait_until(lambda: one.gateway.kafka.up)
        yield one


@pytest.fixture
def with_changes(world: World) -> WithChanges:
    """A gateway on the same world with some of its configuration changed, e.g. the address of a dead server."""
    from tests.serving import running

    @contextmanager
    def start(*, ready: bool = True, **changes: Any) -> "Iterator[RunningGateway]":
        home = world.configuration.home / uuid.uuid4().hex[:8]
        configuration = replace(world.configuration, **{"home": home} | changes)
        with running.running_gateway(configuration, free_port(), ready=ready) as one:
            yield one

    return start
