"""Killed consumers, a Redis that forgets, a full Redis: every acknowledged event is in its user's history once."""

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest
import redis

from contracts.events import Action
from contracts.topics import EVENTS
from feature_repo.online import PROJECT
from feature_repo.redis_layout import encode_entity_key
from feature_repo.redis_reader import read_trending, read_user
from feature_repo.trending import HALF_LIFE_DAYS
from stack.preflight import free_ports
from stack.process import running
from stack.servers.redis import redis_server
from tests.streaming.running import (
    consumer_process,
    consuming,
    event,
    produce,
    roll_back,
    snapshot,
    wait_until,
)

HOST = "127.0.0.1"
USERS = [f"u{n}" for n in range(20)]


def complete(client: "redis.Redis[bytes]", count: int, project: str) -> bool:
    """Whether every user has events 0 … count - 1 (the last hundred of them), each once, in order."""
    expected = [f"i{n}" for n in range(count)][-100:]
    return all(
        [act.item_id for act in read_user(client, user, project=project).activity.acts] == expected for user in USERS
    )


def assert_each_counted_once(client: "redis.Redis[bytes]", count: int, project: str) -> None:
    """The trending counters hold events 0 … count - 1 of every user, each once, decayed to the last one's time."""
    now = event(count - 1).timestamp.timestamp()
    trend = read_trending(client, EVENTS.partitions, lambda: now, project=project)
    ages = [(now - event(n).timestamp.timestamp()) / 86400 for n in range(count)]
    expected = len(USERS) * sum(0.5 ** (age / HALF_LIFE_DAYS) for age in ages)
    assert sum(trend.values()) == pytest.approx(expected, abs=0.05)


def test_a_consumer_killed_in_the_middle_loses_and_repeats_nothing(
    environment: dict[str, str], kafka_bootstrap: str, topic_prefix: str, clean_redis: str, tmp_path: Path
) -> None:
    client = redis.Redis.from_url(clean_redis)
    log = tmp_path / "consumer.log"
    produce(kafka_bootstrap, topic_prefix, [event(n, user=u, item=f"i{n}") for n in range(150) for u in USERS])
    with consumer_process(environment, log) as process:
        wait_until(lambda: any(read_user(client, u).known for u in USERS), 90)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    produce(kafka_bootstrap, topic_prefix, [event(n, user=u, item=f"i{n}") for n in range(150, 160) for u in USERS])
    with consumer_process(environment, log) as process:
        wait_until(lambda: complete(client, 160, PROJECT), 90)
        address = f"http://{HOST}:{environment['HEADWATER_CONSUMER_PORT']}"
        wait_until(lambda: b"headwater_consumer_lag" in urlopen(f"{address}/metrics").read())
        assert urlopen(f"{address}/readyz").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert_each_counted_once(client, 160, PROJECT)


def test_a_consumer_without_kafka_says_so(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "consumer.log"
    (nobody,) = free_ports(HOST, 1)
    with consumer_process(environment | {"HEADWATER_KAFKA_BOOTSTRAP": f"{HOST}:{nobody}"}, log) as process:
        assert process.wait(90) == 1
    assert "Kafka is unavailable" in log.read_text()


def test_a_redis_that_forgot_its_last_writes_is_caught_up(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, batch=50):
        produce(kafka_bootstrap, topic_prefix, [event(n, user=u, item=f"i{n}") for n in range(30) for u in USERS])
        wait_until(lambda: complete(client, 30, topic_prefix))
        held = snapshot(client, topic_prefix)
        produce(kafka_bootstrap, topic_prefix, [event(n, user=u, item=f"i{n}") for n in range(30, 45) for u in USERS])
        wait_until(lambda: complete(client, 45, topic_prefix))
        roll_back(client, topic_prefix, held)
        wait_until(lambda: complete(client, 45, topic_prefix))
    assert_each_counted_once(client, 45, topic_prefix)


def test_a_redis_that_is_killed_and_comes_back_empty_is_filled_from_kafka(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    (port,) = free_ports(HOST, 1)
    url = f"redis://{HOST}:{port}/0"
    client = redis.Redis.from_url(url)
    with ExitStack() as first:
        first.enter_context(running(redis_server(tmp_path / "first", HOST, port), tmp_path / "logs"))
        with consuming(kafka_bootstrap, topic_prefix, url, time.time, batch=50) as (_, health):
            produce(kafka_bootstrap, topic_prefix, [event(n, user=u, item=f"i{n}") for n in range(20) for u in USERS])
            wait_until(lambda: complete(client, 20, topic_prefix))
            first.close()
            produce(
                kafka_bootstrap, topic_prefix, [event(n, user=u, item=f"i{n}") for n in range(20, 25) for u in USERS]
            )
            wait_until(lambda: health.fault is not None)
            assert not health.ready()
            with running(redis_server(tmp_path / "second", HOST, port), tmp_path / "logs"):
                wait_until(lambda: complete(client, 25, topic_prefix))
                wait_until(health.ready)


def test_a_full_redis_holds_the_stream_and_loses_nothing(
    kafka_bootstrap: str, topic_prefix: str, clean_redis: str
) -> None:
    client = redis.Redis.from_url(clean_redis)
    with consuming(kafka_bootstrap, topic_prefix, clean_redis, time.time) as (_, health):
        produce(kafka_bootstrap, topic_prefix, [event(n, user=u, item=f"i{n}") for n in range(5) for u in USERS])
        wait_until(lambda: complete(client, 5, topic_prefix))
        client.config_set("maxmemory", 1)
        try:
            produce(kafka_bootstrap, topic_prefix, [event(n, user=u, item=f"i{n}") for n in range(5, 8) for u in USERS])
            wait_until(lambda: "redis" in (health.fault or ""))
        finally:
            client.config_set("maxmemory", 0)
        wait_until(lambda: complete(client, 8, topic_prefix))


@pytest.mark.parametrize("count", [4_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_user_with_a_flood_of_events_delays_but_does_not_break_the_others(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, count: int
) -> None:
    client = redis.Redis.from_url(redis_url)
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time):
        flood = [event(n, user="flood", item=f"i{n}", action=Action.VIEW) for n in range(count)]
        produce(kafka_bootstrap, topic_prefix, [*flood, event(1, user="other")])
        wait_until(lambda: read_user(client, "other", project=topic_prefix).known)
        wait_until(
            lambda: (
                [a.item_id for a in read_user(client, "flood", project=topic_prefix).activity.acts]
                == [f"i{n}" for n in range(count - 100, count)]
            ),
            120,
        )


def test_a_clock_that_jumps_back_does_not_stop_the_writes(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str
) -> None:
    client = redis.Redis.from_url(redis_url)
    jumps = iter([2e9, 1e9])
    now = {"seconds": 2e9}
    with consuming(kafka_bootstrap, topic_prefix, redis_url, lambda: now["seconds"]):
        for n, seconds in enumerate(jumps):
            now["seconds"] = seconds
            produce(kafka_bootstrap, topic_prefix, [event(n)])
            wait_until(lambda n=n: len(read_user(client, "u1", project=topic_prefix).activity.acts) == n + 1)  # type: ignore[misc]
    row = read_user(client, "u1", project=topic_prefix)
    assert row.version >= int(2e15)
    assert client.exists(encode_entity_key(topic_prefix, {"user_id": "u1"}))
