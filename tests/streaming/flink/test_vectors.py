"""Users whom a job's workers note in Redis get their vectors, and none is struck off too early."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from feature_repo.activity import Happening
from feature_repo.redis_reader import read_user
from feature_repo.redis_state import change_users, folding
from pipeline.item_ids import ItemIds
from releases.model_client import ModelClient
from streaming.consumer.metrics import ConsumerMetrics
from streaming.flink.vectors import NotedDebts
from streaming.partition_state import Progress, read_waiting, write_progress
from streaming.towers import Tower, TowersInService
from streaming.vector_queue import VectorQueue
from streaming.vectors import VectorWriter
from tests.streaming.running import wait_until
from tests.streaming.serving_models import SummingTower, serving

CHAMPION = Tower("raaaaaaaaaaaa", 1, ItemIds.of(f"i{n}" for n in range(9)), ())


class Towers(TowersInService):
    """Towers without a database."""

    def __init__(self) -> None:
        self.towers = {}

    def refresh(self) -> None:
        """They change where the test says so."""


@pytest.fixture
def client(clean_redis: str) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(clean_redis)


@pytest.fixture
def towers() -> Towers:
    return Towers()


@pytest.fixture
def queue(client: "redis.Redis[bytes]", towers: Towers) -> Iterator[VectorQueue]:
    with serving(SummingTower()) as address, ModelClient(address) as models:
        yield VectorQueue(towers, VectorWriter(client, models, project="p"), ConsumerMetrics())


def act(client: "redis.Redis[bytes]", number: int) -> None:
    """Event ``number`` of the user as a worker writes it: the state, then the note."""
    change_users(client, {"u": folding([Happening(number, number, f"i{number}", 1)])}, lambda: 1e9, project="p")
    write_progress(client, {3: Progress(waiting=["u"])}, {}, project="p")


def compute(queue: VectorQueue) -> None:
    """Lets the queue's thread work until nobody waits."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(queue.run, stop)
        wait_until(lambda: len(queue) == 0)
        stop.set()
        done.result()


def test_a_noted_user_gets_a_vector_and_is_struck_off(
    client: "redis.Redis[bytes]", towers: Towers, queue: VectorQueue
) -> None:
    towers.towers = {CHAMPION.release: CHAMPION}
    debts = NotedDebts(client, queue, project="p")
    act(client, 1)
    debts.collect()
    compute(queue)
    debts.settle()
    assert not read_user(client, "u", [CHAMPION.release], project="p").stale_vector(CHAMPION.release)
    assert read_waiting(client, 3, project="p") == []


def test_who_acts_while_the_vector_is_computed_stays_noted(
    client: "redis.Redis[bytes]", towers: Towers, queue: VectorQueue
) -> None:
    towers.towers = {CHAMPION.release: CHAMPION}
    debts = NotedDebts(client, queue, project="p")
    act(client, 1)
    debts.collect()
    compute(queue)
    act(client, 2)
    debts.settle()
    assert read_user(client, "u", [CHAMPION.release], project="p").stale_vector(CHAMPION.release)
    assert read_waiting(client, 3, project="p") == ["u"]
    debts.collect()
    compute(queue)
    debts.settle()
    assert not read_user(client, "u", [CHAMPION.release], project="p").stale_vector(CHAMPION.release)
    assert read_waiting(client, 3, project="p") == []


def test_without_a_release_users_stay_noted_for_the_first_one(
    client: "redis.Redis[bytes]", towers: Towers, queue: VectorQueue
) -> None:
    debts = NotedDebts(client, queue, project="p")
    act(client, 1)
    debts.collect(everybody=queue.refresh())
    debts.settle()
    assert read_waiting(client, 3, project="p") == ["u"]
    towers.towers = {CHAMPION.release: CHAMPION}
    debts.collect(everybody=queue.refresh())
    compute(queue)
    debts.settle()
    assert not read_user(client, "u", [CHAMPION.release], project="p").stale_vector(CHAMPION.release)
