"""Every dependency killed under load and brought back: each request is answered, and the answers are counted."""

import gc
import os
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from contracts.release import CHAMPION
from database.engine import connect
from database.migrate import upgrade
from releases.pointers import Pointers
from stack.preflight import free_ports
from stack.process import running
from stack.server import Server
from stack.servers.headwater import model_server
from stack.servers.kafka import kafka_server
from stack.servers.postgres import USER, postgres_server
from stack.servers.redis import redis_server
from tests.serving.conftest import FIRST, WithChanges, World
from tests.serving.running import RunningGateway, wait_until

HOST, PREFIX = "127.0.0.1", "headwater."
ENOUGH = 40
"""Answers that are looked at before, during and after an outage."""


class Load(threading.Thread):
    """Asks for recommendations without a pause until stopped; keeps what came back."""

    def __init__(self, gateway: RunningGateway) -> None:
        super().__init__(daemon=True)
        self._gateway, self._stopping = gateway, threading.Event()
        self.answers: list[tuple[int, tuple[str, ...]]] = []

    def run(self) -> None:
        while not self._stopping.is_set():
            user = f"user{len(self.answers) % 50}"
            answer = self._gateway.get("/v1/recommendations", params={"user_id": user})
            degraded = tuple(answer.json()["degraded"]) if answer.status_code == 200 else ()
            self.answers.append((answer.status_code, degraded))

    def more(self, count: int = ENOUGH) -> list[tuple[int, tuple[str, ...]]]:
        """The next ``count`` answers."""
        begun = len(self.answers)
        wait_until(lambda: len(self.answers) >= begun + count, 120)
        return self.answers[begun:]

    def stop(self) -> None:
        self._stopping.set()
        self.join(30)


def server_of(name: str, folder: Path, world: World) -> tuple[Server, dict[str, Any]]:
    """A server of this test's own, and what the gateway must be told to use it."""
    port, other = free_ports(HOST, 2)
    address = f"{HOST}:{port}"
    match name:
        case "redis":
            return redis_server(folder, HOST, port), {"redis_url": f"redis://{address}/0"}
        case "kafka":
            told = {"kafka_bootstrap": address, "topic_prefix": PREFIX}
            return kafka_server(folder, HOST, port, other, PREFIX), told
        case "model-server":
            environment = {"HEADWATER_HOME": str(world.configuration.home), "HEADWATER_MODEL_SERVER_PORT": str(port)}
            environment["PYTHONPATH"] = os.pathsep.join(sys.path)
            return model_server(address, port, environment), {"model_server": address}
    database = f"postgresql+psycopg2://{USER}@{address}/headwater"
    return postgres_server(folder, HOST, port), {"database_url": database}


def point(database_url: str) -> None:
    """Makes FIRST the champion in a database that is new."""
    upgrade(database_url)
    engine = connect(database_url)
    pointers = Pointers(engine)
    pointers.move(CHAMPION, FIRST, pointers.get(CHAMPION).revision, "tester", "test")
    engine.dispose()


@pytest.mark.filterwarnings("ignore:unclosed <socket")  # kafka-python leaves that of an attempt to connect that failed
@pytest.mark.parametrize(
    ("name", "stage"), [("redis", "user_row"), ("model-server", "rank"), ("kafka", None), ("postgres", None)]
)
def test_a_dependency_killed_under_load_costs_no_answer(
    with_changes: WithChanges, world: World, tmp_path: Path, name: str, stage: str | None
) -> None:
    server, told = server_of(name, tmp_path, world)
    with ExitStack() as first, ExitStack() as rest:
        rest.callback(gc.collect)
        process = first.enter_context(running(server, tmp_path / "logs"))
        if name == "postgres":
            point(told["database_url"])
        # A deadline that a busy machine keeps: what is late for another reason would be degraded too.
        gateway = rest.enter_context(with_changes(request_deadline_ms=5000, **told))
        load = Load(gateway)
        load.start()
        rest.callback(load.stop)
        wait_until(lambda: all(not degraded for _, degraded in load.more(5)), 60)
        process.kill()
        first.close()
        during = load.more()
        with running(server, tmp_path / "logs"):
            wait_until(lambda: all(not degraded for _, degraded in load.more(5)), 60)
            after = load.more()
        load.stop()
    assert Counter(status for status, _ in load.answers) == {200: len(load.answers)}
    assert {one for _, degraded in during for one in degraded} == ({stage} if stage else set())
    assert all(not degraded for _, degraded in after)
