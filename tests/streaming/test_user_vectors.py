"""Every release in service has a fresh vector of each user, by its own tower; a lost model server loses no event."""

import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import redis

from contracts.errors import NotFoundError, UnavailableError
from contracts.topics import EVENTS
from feature_repo.activity import Act, Happening
from feature_repo.online import USER_DAILY, USER_VECTOR
from feature_repo.redis_reader import read_user, read_users
from feature_repo.redis_state import change_users, folding
from feature_repo.redis_writer import write_rows
from pipeline.item_ids import ItemIds
from releases.model_client import ModelClient
from streaming.consumer.metrics import ConsumerMetrics
from streaming.partition_state import read_waiting
from streaming.towers import Tower, TowersInService
from streaming.vector_queue import VectorQueue
from streaming.vectors import VectorWriter
from tests.streaming.running import consuming, event, produce, wait_until
from tests.streaming.serving_models import SummingTower, serving


class FixedTowers(TowersInService):
    """Towers without a database: that the pointers are followed is tested with the releases."""

    def __init__(self, towers: list[Tower]) -> None:
        self.towers = {tower.release: tower for tower in towers}

    def refresh(self) -> None:
        """They never change."""


CHAMPION = Tower("raaaaaaaaaaaa", 1, ItemIds.of(f"i{n}" for n in range(200)), ())
CHALLENGER = Tower("rbbbbbbbbbbbb", 2, ItemIds.of(f"i{199 - n}" for n in range(200)), ())


@pytest.fixture
def tower() -> SummingTower:
    return SummingTower()


@pytest.fixture
def address(tower: SummingTower) -> Iterator[str]:
    with serving(tower) as where:
        yield where


def test_inputs_are_left_padded_rows_that_the_release_knows() -> None:
    acts = [Act(1000, 1, "i5", 2), Act(2000, 2, "unknown", 1), Act(5000, 3, "i7", 3)]
    features = (USER_DAILY.field_names[0], USER_DAILY.field_names[1])
    inputs = Tower("r", 1, CHAMPION.items, features).inputs(
        [acts, [], acts[:2]], [{features[1]: 2.0}, {}, {features[0]: 1.0}]
    )
    assert inputs["items"].tolist() == [[6, 8], [0, 0], [0, 6]]
    assert inputs["actions"].tolist() == [[2, 3], [0, 0], [0, 2]]
    assert inputs["ages"].tolist() == [[4.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    assert np.array_equal(inputs["features"], [[np.nan, 2.0], [np.nan, np.nan], [1.0, np.nan]], equal_nan=True)


def test_both_releases_get_a_vector_of_the_whole_history(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, address: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    releases = [CHAMPION.release, CHALLENGER.release]
    with ModelClient(address) as models:
        writer = VectorWriter(client, models, project=topic_prefix)
        towers = FixedTowers([CHAMPION, CHALLENGER])
        with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, towers=towers, writer=writer):
            produce(kafka_bootstrap, topic_prefix, [event(n, item=f"i{n}") for n in (3, 4)])
            wait_until(
                lambda: (
                    (row := read_user(client, "u1", releases, project=topic_prefix)).known
                    and len(row.activity.acts) == 2
                    and not any(row.stale_vector(release) for release in releases)
                )
            )
            row = read_user(client, "u1", releases, project=topic_prefix)
    assert row.vectors[CHAMPION.release].vector.tolist() == [4 + 5, 4, 1.0, 0]
    assert row.vectors[CHALLENGER.release].vector.tolist() == [197 + 196, 4, 1.0, 0]


def up_to_date(client: "redis.Redis[bytes]", project: str, users: Sequence[str]) -> bool:
    rows = read_users(client, users, [CHAMPION.release], project=project)
    return all(row.known and not row.stale_vector(CHAMPION.release) for row in rows)


def owed(client: "redis.Redis[bytes]", project: str) -> set[str]:
    """Users whose vectors are behind, by what stands in Redis."""
    return {user for partition in range(EVENTS.partitions) for user in read_waiting(client, partition, project=project)}


def test_vectors_that_a_model_server_missed_are_caught_up_when_it_is_back(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, address: str, tower: SummingTower
) -> None:
    client = redis.Redis.from_url(redis_url)
    with ModelClient(address) as models:
        writer = VectorWriter(client, models, project=topic_prefix)
        towers = FixedTowers([CHAMPION])
        with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, towers=towers, writer=writer) as (
            metrics,
            _,
        ):
            produce(kafka_bootstrap, topic_prefix, [event(1)])
            wait_until(lambda: up_to_date(client, topic_prefix, ["u1"]))
            wait_until(lambda: owed(client, topic_prefix) == set())
            tower.fault = grpc.StatusCode.UNAVAILABLE
            produce(kafka_bootstrap, topic_prefix, [event(2), event(2, user="u2")])
            wait_until(lambda: len(read_user(client, "u1", project=topic_prefix).activity.acts) == 2)
            wait_until(lambda: failures(metrics) >= 1)
            assert not up_to_date(client, topic_prefix, ["u1"])
            wait_until(lambda: owed(client, topic_prefix) == {"u1", "u2"})
            tower.fault = None
            wait_until(lambda: up_to_date(client, topic_prefix, ["u1", "u2"]))
            wait_until(lambda: owed(client, topic_prefix) == set())


def failures(metrics: ConsumerMetrics) -> float:
    return metrics.registry.get_sample_value("headwater_consumer_vector_failures_total") or 0.0


def test_what_a_dead_consumer_owed_is_computed_by_the_next(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, address: str, tower: SummingTower
) -> None:
    client = redis.Redis.from_url(redis_url)
    tower.fault = grpc.StatusCode.UNAVAILABLE
    with ModelClient(address) as models:
        writer = VectorWriter(client, models, project=topic_prefix)
        towers = FixedTowers([CHAMPION])
        with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, towers=towers, writer=writer) as (
            metrics,
            _,
        ):
            produce(kafka_bootstrap, topic_prefix, [event(1)])
            wait_until(lambda: failures(metrics) >= 1)
        tower.fault = None
        with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, towers=towers, writer=writer):
            wait_until(lambda: up_to_date(client, topic_prefix, ["u1"]))
            wait_until(lambda: owed(client, topic_prefix) == set())


def test_a_challenger_without_a_model_does_not_hold_the_champions_vectors_up(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, address: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    missing = dataclasses.replace(CHALLENGER, version=404)
    with ModelClient(address) as models:
        writer = VectorWriter(client, models, project=topic_prefix)
        towers = FixedTowers([missing, CHAMPION])
        with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, towers=towers, writer=writer) as (
            metrics,
            _,
        ):
            for n in range(3):
                produce(kafka_bootstrap, topic_prefix, [event(n)])
                wait_until(lambda n=n: failures(metrics) >= n + 1 and up_to_date(client, topic_prefix, ["u1"]))  # type: ignore[misc]
            assert owed(client, topic_prefix) == {"u1"}
            towers.towers = {CHAMPION.release: CHAMPION}
            wait_until(lambda: owed(client, topic_prefix) == set())


def test_vectors_yield_to_a_backlog_and_each_user_gets_one_after_it(
    redis_url: str, topic_prefix: str, address: str, tower: SummingTower
) -> None:
    stop = threading.Event()
    with redis.Redis.from_url(redis_url) as client, ModelClient(address) as models, ThreadPoolExecutor(1) as pool:
        writer = VectorWriter(client, models, project=topic_prefix)
        queue = VectorQueue(FixedTowers([CHAMPION]), writer, ConsumerMetrics())
        queue.yielding = True
        working = pool.submit(queue.run, stop)
        try:
            for n in range(3):
                change = folding([Happening(n, n, f"i{n}", 2)])
                change_users(client, {"u1": change}, time.time, project=topic_prefix)
                assert queue.add(5, ["u1"]) == ["u1"]
                assert queue.take_done() == {}
            assert (len(queue), tower.requests) == (1, [])
            queue.yielding = False
            wait_until(lambda: len(queue) == 0)
        finally:
            stop.set()
        working.result()
        assert queue.take_done() == {5: ["u1"]}
    assert [request["items"].tolist() for request in tower.requests] == [[[0, 1, 2, 3]]]


def test_an_erased_user_gets_no_vector(redis_url: str, address: str, topic_prefix: str) -> None:
    with redis.Redis.from_url(redis_url) as client, ModelClient(address) as models:
        assert VectorWriter(client, models, project=topic_prefix).write(CHAMPION, ["nobody"]) == 0
        assert read_user(client, "nobody", [CHAMPION.release], project=topic_prefix).vectors == {}


def test_an_older_vector_never_replaces_a_newer_one(redis_url: str, topic_prefix: str) -> None:
    entity = {"user_id": "u", "release": CHAMPION.release}
    with redis.Redis.from_url(redis_url) as client:
        for version in (20, 10):
            write_rows(
                client, USER_VECTOR, [(entity, {"user_vector": [float(version)]}, version)], project=topic_prefix
            )
        vector = read_user(client, "u", [CHAMPION.release], project=topic_prefix).vectors[CHAMPION.release]
    assert (vector.vector.tolist(), vector.version) == ([20.0], 20)


def test_faults_of_the_model_server_have_names(address: str, tower: SummingTower) -> None:
    inputs = CHAMPION.inputs([[Act(1, 1, "i1", 1)]], [{}])
    with ModelClient(address) as client:
        with pytest.raises(NotFoundError, match="no version 404 of user_tower"):
            client.predict("user_tower", 404, inputs, 5.0)
        tower.features = 3
        with pytest.raises(ValueError, match="3 columns"):
            client.predict("user_tower", 1, inputs, 5.0)
        tower.fault = grpc.StatusCode.RESOURCE_EXHAUSTED
        with pytest.raises(UnavailableError, match="resource_exhausted"):
            client.predict("user_tower", 1, inputs, 5.0)
        with pytest.raises(ValueError, match="complex"):
            client.predict("user_tower", 1, {"items": np.zeros(2, np.complex64)}, 5.0)
    with ModelClient("127.0.0.1:9") as nobody, pytest.raises(UnavailableError, match="model server is unavailable"):
        nobody.predict("user_tower", 1, inputs, 0.5)
