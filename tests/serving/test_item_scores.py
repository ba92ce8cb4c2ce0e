"""What trends follows the stream's counters, also for items that were put since the release."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from contracts.catalogue import Item
from contracts.topics import EVENTS
from feature_repo.online import PROJECT
from feature_repo.redis_reader import trending_key
from feature_repo.trending import UNIT
from pipeline.artifacts import Artifacts
from pipeline.items import Items
from serving.gateway.breaker import Breaker
from serving.gateway.item_scores import MOVING_DAYS, SETTLED_SECONDS, LiveTrending
from tests.serving.toy_release import write_items

NOON = 1_800_000_000 // 86_400 * 86_400 + 43_200
TODAY = NOON // 86_400


@pytest.fixture
def client(clean_redis: str) -> "Iterator[redis.Redis[bytes]]":
    with redis.Redis.from_url(clean_redis) as one:
        yield one


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Items:
    directory: Path = tmp_path_factory.mktemp("release")
    write_items(directory)
    return Artifacts.load(directory).items


def count(client: "redis.Redis[bytes]", item_id: str, day: int, times: int, partition: int = 0) -> None:
    client.hincrby(trending_key(PROJECT, partition, day), item_id, times * UNIT)


def trend(live: LiveTrending, items: Items, item_id: str, now: float = NOON) -> float:
    table = live.over(items, NOON - 86_400 * 60, now)
    return float(table.trending[table.ids.row(item_id)])


def test_counters_of_all_days_and_partitions_add_up_and_fade(client: "redis.Redis[bytes]", items: Items) -> None:
    live = LiveTrending(client, Breaker("redis", (redis.RedisError,)), lambda: NOON)
    assert trend(live, items, "i3") < 1
    for partition, day in ((0, TODAY), (1, TODAY), (1, TODAY - 1), (0, TODAY - 6)):
        count(client, "i3", day, 1000, partition)
    live.read()
    expected = 1000 * (2 * 2**-0.25 + 2**-0.75 + 2**-3.25)
    assert trend(live, items, "i3") == pytest.approx(expected, rel=1e-5)
    assert trend(live, items, "i3", NOON + 2 * 86_400) == pytest.approx(expected / 2, rel=1e-5)
    assert EVENTS.partitions >= 2


def test_days_that_are_over_are_read_again_after_a_minute(client: "redis.Redis[bytes]", items: Items) -> None:
    now = [float(NOON)]
    live = LiveTrending(client, Breaker("redis", (redis.RedisError,)), lambda: now[0])
    live.read()
    count(client, "i4", TODAY - MOVING_DAYS, 4000)
    live.read()
    assert trend(live, items, "i4") < 1
    now[0] += SETTLED_SECONDS + 1
    live.read()
    assert trend(live, items, "i4", now[0]) > 1000


def test_an_item_put_since_the_release_trends_too(client: "redis.Redis[bytes]", items: Items) -> None:
    live = LiveTrending(client, Breaker("redis", (redis.RedisError,)), time.time)
    count(client, "of-today", int(time.time()) // 86_400, 1000)
    live.read()
    put = items.with_put([Item(item_id="of-today")], time.time())
    assert np.argmax(live.over(put, 0.0, time.time()).trending) == len(items)
