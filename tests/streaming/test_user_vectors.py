"""Every release in service has a fresh vector of each user, by its own tower; a lost model server loses no event."""

import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
import redis

from contracts.errors import NotFoundError, UnavailableError
from feature_repo.activity import Act
from feature_repo.online import USER_DAILY
from feature_repo.redis_reader import read_user
from releases.model_client import ModelClient
from streaming.vectors import Tower, TowersInService, VectorWriter
from tests.streaming.running import consuming, event, produce, wait_until
from tests.streaming.serving_models import SummingTower, serving


class FixedTowers(TowersInService):
    """Towers without a database: that the pointers are followed is tested with the releases."""

    def __init__(self, towers: list[Tower]) -> None:
        self.towers = {tower.release: tower for tower in towers}

    def refresh(self) -> None:
        """They never change."""


CHAMPION = Tower("raaaaaaaaaaaa", 1, {f"i{n}": n for n in range(200)}, ())
CHALLENGER = Tower("rbbbbbbbbbbbb", 2, {f"i{n}": 199 - n for n in range(200)}, ())


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
    inputs = Tower("r", 1, CHAMPION.row_of, features).inputs(
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
        with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, towers=towers, vectors=writer):
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


def test_without_a_model_server_the_history_is_written_and_the_vector_is_known_to_be_stale(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, address: str, tower: SummingTower
) -> None:
    client = redis.Redis.from_url(redis_url)
    with ModelClient(address) as models:
        writer = VectorWriter(client, models, project=topic_prefix)
        towers = FixedTowers([CHAMPION])
        with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, towers=towers, vectors=writer):
            produce(kafka_bootstrap, topic_prefix, [event(1)])
            wait_until(
                lambda: (
                    not read_user(client, "u1", [CHAMPION.release], project=topic_prefix).stale_vector(CHAMPION.release)
                )
            )
            tower.fault = grpc.StatusCode.UNAVAILABLE
            produce(kafka_bootstrap, topic_prefix, [event(2)])
            wait_until(lambda: len(read_user(client, "u1", project=topic_prefix).activity.acts) == 2)
            wait_until(lambda: writer.failures == 1)
            row = read_user(client, "u1", [CHAMPION.release], project=topic_prefix)
            assert row.stale_vector(CHAMPION.release)
            tower.fault = None
            produce(kafka_bootstrap, topic_prefix, [event(3)])
            wait_until(
                lambda: (
                    len((r := read_user(client, "u1", [CHAMPION.release], project=topic_prefix)).activity.acts) == 3
                    and not r.stale_vector(CHAMPION.release)
                )
            )


def test_an_older_vector_never_replaces_a_newer_one(redis_url: str, address: str, topic_prefix: str) -> None:
    from feature_repo import activity, seen
    from feature_repo.activity import Happening
    from feature_repo.redis_state import UserState

    older = activity.fold(activity.INITIAL, Happening(1000, 1, "i1", 2))
    newer = activity.fold(older, Happening(2000, 2, "i2", 2))
    with redis.Redis.from_url(redis_url) as client, ModelClient(address) as models:
        writer = VectorWriter(client, models, project=topic_prefix)
        writer.write([CHAMPION], {"u": (UserState(newer, seen.INITIAL), 20)}, {})
        writer.write([CHAMPION], {"u": (UserState(older, seen.INITIAL), 10)}, {})
        vector = read_user(client, "u", [CHAMPION.release], project=topic_prefix).vectors[CHAMPION.release]
    assert vector.vector.tolist() == [5.0, 4.0, 1.0, 0.0]
    assert vector.version == 20


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
