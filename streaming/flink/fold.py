"""What each Python worker of the Flink job does with a batch: the consumer's own fold and writes, nothing else.

A user's state stays in Redis and is no state of Flink's: imports, erasures and a replay's swap write it too. Flink
keeps the places in the topic. A batch is written before the checkpoint behind it is complete, so a restored job repeats
events but misses none; what Redis has applied already is left out here, and what Redis lost is read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
import redis
import structlog
from kafka import KafkaConsumer
from kafka.structs import TopicPartition
from pyflink.table.udf import FunctionContext, ScalarFunction
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.clock import parse_clock
from contracts.topics import EVENTS
from streaming.dead_letters import DeadLetterWriter
from streaming.partition_state import Progress
from streaming.processor import Batch, Processor


class Message(NamedTuple):
    """A message of the events topic as Flink hands it over."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


@dataclass(frozen=True)
class Places:
    """What a worker connects to. ``namespace`` is the Feast project, ``clock`` the setting of that name."""

    bootstrap: str
    prefix: str
    redis_url: str
    clock: str
    namespace: str


class Fold(ScalarFunction):  # type: ignore[misc]
    """SQL's ``fold(partition INT, offset BIGINT, payload BYTES)``, vectorized: returns the offsets, all applied.

    Raises redis.RedisError, MarkMovedError, ConflictError or UnavailableError: Flink then starts again from the last
    checkpoint, after a pause.
    """

    def __init__(self, places: Places) -> None:
        self._places = places

    def is_deterministic(self) -> bool:
        """It writes: the planner may neither leave calls out nor move them."""
        return False

    def open(self, function_context: FunctionContext) -> None:
        """Connects. The worker's ``print`` is PyFlink's, so structlog goes through ``logging``."""
        del function_context
        structlog.configure([structlog.processors.JSONRenderer()], logger_factory=structlog.stdlib.LoggerFactory())
        places, clock = self._places, parse_clock(self._places.clock)
        self._topic = EVENTS.address(places.prefix)
        self._client = redis.Redis.from_url(places.redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=10)
        self._processor = Processor(self._client, clock, project=places.namespace)
        self._dead_letters = DeadLetterWriter(places.bootstrap, places.prefix, clock)
        self._next: dict[int, int] = {}

    def close(self) -> None:
        """Disconnects."""
        self._dead_letters.close()
        self._client.close()

    def eval(
        self, partitions: "pd.Series[int]", offsets: "pd.Series[int]", payloads: "pd.Series[bytes]"
    ) -> "pd.Series[int]":
        """Applies a batch, which holds messages of several partitions, each in the order of its offsets."""
        arrived: dict[int, list[Message]] = {}
        for row in zip(partitions.tolist(), offsets.tolist(), payloads.tolist(), strict=True):
            arrived.setdefault(row[0], []).append(Message(self._topic, *row))
        self._take([partition for partition in arrived if partition not in self._next])
        fresh = {p: [m for m in messages if m.offset >= self._next[p]] for p, messages in arrived.items()}
        fresh = {partition: messages for partition, messages in fresh.items() if messages}
        for partition, messages in fresh.items():
            for missed in self._between(partition, self._next[partition], messages[0].offset):
                self._apply({partition: missed})
        self._apply(fresh)
        return offsets

    def _take(self, partitions: Sequence[int]) -> None:
        for partition, place in self._processor.take(partitions).items():
            self._next[partition] = place or 0

    def _apply(self, messages: Mapping[int, Sequence[Message]]) -> None:
        batches = {p: Batch(self._dead_letters.sift(some), some[-1].offset + 1) for p, some in messages.items()}
        self._processor.apply(batches)
        moved = {p: Progress(b.end, {record.user_id for record in b.records}) for p, b in batches.items()}
        self._processor.commit(moved)
        self._next |= {partition: batch.end for partition, batch in batches.items()}

    def _between(self, partition: int, start: int, end: int) -> Iterator[list[Message]]:
        """What Redis lacks before the batch at hand: it came back with less than it had at the last checkpoint."""
        if start == end:
            return
        place = TopicPartition(self._topic, partition)
        consumer = KafkaConsumer(bootstrap_servers=self._places.bootstrap, auto_offset_reset="earliest")
        try:
            consumer.assign([place])
            consumer.seek(place, start)
            while consumer.position(place) < end:
                polled = consumer.poll(timeout_ms=500).get(place, [])
                if found := [Message(m.topic, m.partition, m.offset, m.value) for m in polled if m.offset < end]:
                    yield found
        finally:
            consumer.close()
