"""A consumer in a thread, on servers of the session, in a namespace of its own."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
from kafka import KafkaProducer

from contracts.clock import Clock
from contracts.events import Action, Event
from contracts.topics import EVENTS
from streaming.consumer.group import LoopSettings
from streaming.consumer.health import Health
from streaming.consumer.loop import ConsumerLoop
from streaming.consumer.metrics import ConsumerMetrics
from streaming.dead_letters import DeadLetterWriter
from streaming.processor import Processor
from streaming.towers import TowersInService
from streaming.vector_queue import VectorQueue
from streaming.vectors import VectorWriter

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def event(
    number: int,
    *,
    user: str = "u1",
    item: str | None = None,
    action: Action = Action.CLICK,
    seconds: float | None = None,
) -> Event:
    """Event ``number`` of a test, a second after the one before it unless ``seconds`` says otherwise."""
    moment = START + timedelta(seconds=number if seconds is None else seconds)
    return Event(
        event_id=f"{user}-{number}",
        user_id=user,
        item_id=item or f"i{number}",
        action=action,
        timestamp=moment,
        received_at=moment,
    )


def produce(bootstrap: str, prefix: str, events: list[Event]) -> None:
    """Sends events as the gateway does, keyed by user, and waits for the acknowledgement of all."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5)
    sent = [producer.send(EVENTS.address(prefix), e.to_payload(), key=e.user_id.encode()) for e in events]
    for future in sent:
        future.get(timeout=30)
    producer.close()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Polls ``condition``; AssertionError when it stays false."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@contextmanager
def consuming(
    bootstrap: str,
    prefix: str,
    redis_url: str,
    clock: Clock,
    *,
    client: "redis.Redis[bytes] | None" = None,
    batch: int = 1000,
    towers: TowersInService | None = None,
    writer: VectorWriter | None = None,
) -> Iterator[tuple[ConsumerMetrics, Health]]:
    """Runs a consumer whose Feast project is ``prefix``; stops it gracefully at the end."""
    own = client or redis.Redis.from_url(redis_url)
    metrics, health, stop = ConsumerMetrics(), Health(), threading.Event()
    letters = DeadLetterWriter(bootstrap, prefix, clock)
    loop = ConsumerLoop(
        LoopSettings(bootstrap, prefix, batch=batch),
        Processor(own, clock, project=prefix),
        letters,
        clock,
        metrics,
        health,
        vectors=VectorQueue(towers, writer, metrics) if towers and writer else None,
    )
    thread = threading.Thread(target=loop.run, args=(stop,), name="consumer")
    thread.start()
    try:
        yield metrics, health
    finally:
        stop.set()
        thread.join(30)
        letters.close()
        if client is None:
            own.close()
        assert not thread.is_alive()


@contextmanager
def consumer_process(environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """``python -m streaming.consumer``, killed at the end where it still runs."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streaming.consumer"], env=os.environ | environment, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def snapshot(client: "redis.Redis[bytes]", prefix: str) -> dict[bytes, bytes]:
    """Everything that Redis holds of a namespace whose name contains ``prefix``."""
    dumps = {key: client.dump(key) for key in client.scan_iter() if prefix.encode() in key}
    return {key: dump for key, dump in dumps.items() if dump is not None}


def roll_back(client: "redis.Redis[bytes]", prefix: str, held: dict[bytes, bytes]) -> None:
    """Puts the namespace back to a snapshot at once, as a restart from an older file does."""
    pipe = client.pipeline(transaction=True)
    for key in client.scan_iter():
        if prefix.encode() in key:
            pipe.delete(key)
    for key, dump in held.items():
        pipe.restore(key, 0, dump)
    pipe.execute()
