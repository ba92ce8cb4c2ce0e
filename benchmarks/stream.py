"""``headwater bench stream``: what one consumer process does in a second, against reading and decoding alone.

Runs on the installation that the settings name, with topics and a namespace of its own. With a champion and a model
server in service the users' vectors are computed too; ``releases`` says for how many releases.
"""

import argparse
import multiprocessing
import random
import statistics
import sys
import threading
import time
import uuid
from datetime import timedelta

import redis
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from benchmarks.result import Figure
from contracts.clock import utc
from contracts.events import Action, Event
from contracts.settings import Settings
from contracts.topics import EVENTS, TOPICS
from database.engine import connect
from feature_repo.redis_layout import encode_entity_key
from releases.model_client import ModelClient
from releases.store import ReleaseStore
from streaming.consumer.health import Health
from streaming.consumer.loop import ConsumerLoop, LoopSettings
from streaming.consumer.metrics import ConsumerMetrics
from streaming.dead_letters import DeadLetterWriter
from streaming.namespace import discard, user_ids
from streaming.partition_state import read_marks
from streaming.processor import Processor
from streaming.records import decode
from streaming.topics import ensure_topics
from streaming.vectors import TowersInService, VectorWriter

SAMPLE = 500


def _consume(settings: Settings, prefix: str) -> None:
    """A consumer process as it runs in service, but in the namespace ``prefix``; ends when it is killed."""
    client = redis.Redis.from_url(settings.redis_url, retry=Retry(NoBackoff(), 0))
    towers = TowersInService(connect(settings.database_url), ReleaseStore(settings.releases))
    clock = settings.now()
    with ModelClient(settings.model_server) as models:
        ConsumerLoop(
            LoopSettings(settings.kafka_bootstrap, prefix),
            Processor(client, clock, project=prefix),
            DeadLetterWriter(settings.kafka_bootstrap, prefix, clock),
            clock,
            ConsumerMetrics(),
            Health(),
            towers=towers,
            vectors=VectorWriter(client, models, project=prefix),
        ).run(threading.Event())


def produce(settings: Settings, prefix: str, items: list[str], count: int, users: int, seed: int) -> None:
    """``count`` events of ``users`` users, both drawn with a long tail, in the order of time."""
    randomness = random.Random(seed)
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap, acks="all", linger_ms=20)
    start = utc(settings.now()() - count * 0.01)
    for n in range(count):
        moment = start + timedelta(milliseconds=10 * n)
        event = Event(
            event_id=f"{seed}-{n}",
            user_id=f"user{int(users * randomness.random() ** 2)}",
            item_id=items[int(len(items) * randomness.random() ** 3)],
            action=randomness.choice(list(Action)),
            timestamp=moment,
            received_at=moment,
        )
        producer.send(EVENTS.address(prefix), event.to_payload(), key=event.user_id.encode())
    producer.flush()
    producer.close()


def _decoding_rate(settings: Settings, prefix: str, count: int) -> float:
    """Events a second of a consumer that only reads and decodes."""
    consumer = KafkaConsumer(
        EVENTS.address(prefix),
        bootstrap_servers=settings.kafka_bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=1000,
    )
    done, started = 0, 0.0
    while done < count:
        for messages in consumer.poll(timeout_ms=200).values():
            started = started or time.perf_counter()
            for message in messages:
                decode(message.value, message.partition, message.offset)
            done += len(messages)
    rate = done / (time.perf_counter() - started)
    consumer.close()
    return rate


def _applied(client: "redis.Redis[bytes]", project: str) -> int:
    marks = read_marks(client, range(EVENTS.partitions), project=project)
    return sum(mark.applied or 0 for mark in marks.values())


def _catch_up(settings: Settings, client: "redis.Redis[bytes]", prefix: str, count: int) -> tuple[float, float]:
    """Events a second once the consumer has joined, and seconds from its start to the last event."""
    process = multiprocessing.get_context("spawn").Process(target=_consume, args=(settings, prefix), daemon=True)
    process.start()
    begun, first, at_first, said = time.perf_counter(), 0.0, 0, 0.0
    try:
        while (done := _applied(client, prefix)) < count:
            if done and not first:
                first, at_first = time.perf_counter(), done
            if time.perf_counter() - said > 5:
                said = time.perf_counter()
                print(f"{done:,} of {count:,} events applied", file=sys.stderr)  # noqa: T201
            time.sleep(0.05)
        ended = time.perf_counter()
    finally:
        process.kill()
        process.join()
    return (count - at_first) / max(ended - first, 1e-9), ended - begun


def run(argv: list[str]) -> list[Figure]:
    """The figures. Raises UnavailableError where the stack is not up."""
    parser = argparse.ArgumentParser(prog="headwater bench stream")
    parser.add_argument("--events", type=int, default=50_000, help="backlog that is caught up with")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args(argv)
    settings, prefix = Settings(), f"bench-{uuid.uuid4().hex[:8]}."
    ensure_topics(settings.kafka_bootstrap, prefix)
    towers = TowersInService(connect(settings.database_url), ReleaseStore(settings.releases))
    towers.refresh()
    known = next(iter(towers.towers.values())).row_of if towers.towers else {}
    items = list(known) or [f"item{n}" for n in range(10_000)]
    client = redis.Redis.from_url(settings.redis_url)
    try:
        produce(settings, prefix, items, chosen.events, chosen.users, chosen.seed)
        decoding = _decoding_rate(settings, prefix, chosen.events)
        rate, seconds = _catch_up(settings, client, prefix, chosen.events)
        ids = [user for _, user in zip(range(SAMPLE), user_ids(client, prefix), strict=False)]
        keys = [encode_entity_key(prefix, {"user_id": user}) for user in ids]
        bytes_per_user = statistics.fmean(client.memory_usage(key, samples=0) or 0 for key in keys)
    finally:
        discard(client, prefix, settings.now(), list(towers.towers))
        admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
        admin.delete_topics([topic.address(prefix) for topic in TOPICS])
        admin.close()
        client.close()
    reading = "the same consumer reading and decoding only"
    return [
        Figure("events_per_second", rate, "events/s", reading, decoding),
        Figure("releases", float(len(towers.towers)), "vectors an event"),
        Figure("catch_up_seconds", seconds, "s", f"{chosen.events} events, decoding only", chosen.events / decoding),
        Figure("redis_bytes_per_user", bytes_per_user, "bytes"),
    ]
