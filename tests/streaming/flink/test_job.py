"""The Flink job ends in the state of the kafka-python consumer, exactly, through crashes too."""

import random
import time

import pytest
import redis
from kafka import KafkaProducer

from contracts.events import Event
from contracts.topics import DEAD_LETTERS, EVENTS
from feature_repo.redis_reader import trending_key
from stack.flink import install
from streaming.flink.environment import FOLDER
from streaming.namespace import compare
from streaming.partition_state import read_marks
from tests.streaming.flink.running import Flink
from tests.streaming.running import START, consuming, event, produce, roll_back, snapshot, wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

START_SECONDS = 300
"""A job's start is two programs and a cluster; on a busy machine that takes its time."""

POISON = [b"\xff\x00 no json", b'{"event_id": 1}', None]


@pytest.fixture(scope="session")
def flink_environment() -> None:
    """Flink's environment, made where it is missing and brought to its lock where it is not."""
    install(FOLDER, print)


@pytest.fixture
def flink(flink_environment: None, kafka_bootstrap: str, topic_prefix: str, redis_url: str) -> Flink:
    del flink_environment
    return Flink(kafka_bootstrap, topic_prefix, redis_url)


@pytest.fixture
def client(redis_url: str) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(redis_url)


def histories(users: int, each: int, seed: int) -> list[Event]:
    """Events of many users, some longer than the window, late ones and repeated ones among them."""
    randomness = random.Random(seed)
    events = [event(n, user=f"u{user}", item=f"i{n % 70}") for user in range(users) for n in range(each + 2 * user)]
    events += randomness.sample(events, len(events) // 5)
    randomness.shuffle(events)
    return events


def poison(bootstrap: str, prefix: str) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for payload in POISON:
        producer.send(EVENTS.address(prefix), payload, key=b"u1").get(10)
    producer.close()


def assert_equal(client: "redis.Redis[bytes]", one: str, other: str, users: int) -> None:
    """Rows, counters, seen, trending counters and marks of two namespaces are the same."""
    for live, beside in ((one, other), (other, one)):
        comparison = compare(client, live, beside)
        assert comparison.users == users
        assert comparison.equal, comparison
    partitions = range(EVENTS.partitions)
    assert read_marks(client, partitions, project=one) == read_marks(client, partitions, project=other)
    day = START.toordinal() - 719163
    trends = [[client.hgetall(trending_key(project, p, day)) for p in partitions] for project in (one, other)]
    assert trends[0] == trends[1]
    assert sum(map(len, trends[0])) > 0


def run_consumer_to_the_end(flink: Flink) -> None:
    with consuming(flink.bootstrap, flink.prefix, flink.redis_url, time.time, batch=64):
        wait_until(lambda: flink.applied(flink.prefix) == sum(flink.ends().values()), 120)


def test_the_job_and_the_consumer_make_the_same_of_one_topic(flink: Flink, client: "redis.Redis[bytes]") -> None:
    events = histories(users=40, each=50, seed=3)
    produce(flink.bootstrap, flink.prefix, events[:2000])
    poison(flink.bootstrap, flink.prefix)
    produce(flink.bootstrap, flink.prefix, events[2000:])
    run_consumer_to_the_end(flink)
    with flink.job():
        wait_until(lambda: flink.applied(flink.namespace) == sum(flink.ends().values()), START_SECONDS)
    assert_equal(client, flink.prefix, flink.namespace, 40)
    assert flink.ends(DEAD_LETTERS)[0] == 2 * len(POISON)


def test_a_killed_worker_is_restored_from_the_checkpoint_and_a_killed_job_from_redis(
    flink: Flink, client: "redis.Redis[bytes]"
) -> None:
    users = 40
    parts = [[event(n, user=f"u{u}") for n in range(k * 250, k * 250 + 250) for u in range(users)] for k in range(3)]
    with flink.job() as job:
        produce(flink.bootstrap, flink.prefix, parts[0][:100])
        wait_until(lambda: flink.applied(flink.namespace) == 100, START_SECONDS)
        completed = job.checkpoints()["completed"]
        wait_until(lambda: job.checkpoints()["completed"] > completed + 1)
        produce(flink.bootstrap, flink.prefix, parts[0][100:])
        job.workers()[0].kill()
        produce(flink.bootstrap, flink.prefix, parts[1])
        total = len(parts[0]) + len(parts[1])
        wait_until(lambda: job.checkpoints()["restored"] >= 1, START_SECONDS)
        wait_until(lambda: flink.applied(flink.namespace) > 200, START_SECONDS)
        job.kill()
        assert flink.applied(flink.namespace) < total
    produce(flink.bootstrap, flink.prefix, parts[2])
    with flink.job():
        wait_until(lambda: flink.applied(flink.namespace) == sum(flink.ends().values()), START_SECONDS)
    run_consumer_to_the_end(flink)
    assert_equal(client, flink.prefix, flink.namespace, users)


def test_what_redis_forgot_behind_the_checkpoint_is_read_again(flink: Flink, client: "redis.Redis[bytes]") -> None:
    def parts(first: int, end: int) -> list[Event]:
        return [event(n, user=f"u{u}") for n in range(first, end) for u in range(20)]

    with flink.job() as job:
        produce(flink.bootstrap, flink.prefix, parts(0, 10))
        wait_until(lambda: flink.applied(flink.namespace) == 200, START_SECONDS)
        held = snapshot(client, flink.namespace)
        produce(flink.bootstrap, flink.prefix, parts(10, 20))
        wait_until(lambda: flink.applied(flink.namespace) == 400)
        completed = job.checkpoints()["completed"]
        wait_until(lambda: job.checkpoints()["completed"] > completed + 1)
        roll_back(client, flink.namespace, held)
        assert flink.applied(flink.namespace) == 200
        produce(flink.bootstrap, flink.prefix, parts(20, 30))
        wait_until(lambda: flink.applied(flink.namespace) == 600, START_SECONDS)
    run_consumer_to_the_end(flink)
    assert_equal(client, flink.prefix, flink.namespace, 20)
