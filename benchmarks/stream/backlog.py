"""A backlog in the events topic, and how quickly it can be read and decoded at best."""

import random
import sys
import time
from dataclasses import dataclass
from datetime import timedelta

from kafka import KafkaConsumer, KafkaProducer

from contracts.clock import utc
from contracts.events import Action, Event
from contracts.settings import Settings
from contracts.topics import EVENTS
from streaming.records import decode

EVENT_SECONDS = 0.01
"""Between two events of the backlog, by their own times."""


@dataclass(frozen=True)
class Produced:
    """``count`` events of ``users`` users on ``items``, both drawn with a long tail."""

    count: int
    users: int
    items: list[str]
    seed: int


def produce(settings: Settings, prefix: str, backlog: Produced) -> None:
    """Sends the backlog in the order of time, the last event now."""
    randomness, actions = random.Random(backlog.seed), list(Action)
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap, acks="all", linger_ms=20)
    start = utc(settings.now()() - backlog.count * EVENT_SECONDS)
    for n in range(backlog.count):
        moment = start + timedelta(seconds=EVENT_SECONDS * n)
        event = Event(
            event_id=f"{backlog.seed}-{n}",
            user_id=f"user{int(backlog.users * randomness.random() ** 2)}",
            item_id=backlog.items[int(len(backlog.items) * randomness.random() ** 3)],
            action=randomness.choice(actions),
            timestamp=moment,
            received_at=moment,
        )
        producer.send(EVENTS.address(prefix), event.to_payload(), key=event.user_id.encode())
        if n % 100_000 == 0:
            sys.stderr.write(f"{n:,} of {backlog.count:,} events produced\n")
    producer.flush()
    producer.close()


def decoding_rate(settings: Settings, prefix: str, count: int) -> float:
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
