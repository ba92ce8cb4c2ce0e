"""The consumer's loop: poll, decode, apply, vectors, commit; and what it does when something fails."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis
import structlog
from kafka import KafkaConsumer
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from contracts.clock import Clock
from contracts.errors import ConflictError, InvalidInputError, UnavailableError
from contracts.topics import EVENTS
from streaming.consumer.health import Health
from streaming.consumer.metrics import ConsumerMetrics
from streaming.dead_letters import DeadLetterWriter
from streaming.processor import Batch, MarkMovedError, Processor
from streaming.records import Record, decode
from streaming.vectors import TowersInService, VectorWriter

log = structlog.get_logger(__name__)

METADATA_MS = 5_000
"""How soon a new partition, or a topic that came after the consumer, is seen (kafka-python: five minutes)."""

EMPTY_HANDED_SECONDS, EMPTY_HANDED_MOST_SECONDS = 5.0, 600.0
"""A consumer without a partition joins anew after so long, then after twice as long, up to the most: kafka-python now
and then gives out nothing when the group is formed before the topic is known, and would leave it at that.
"""


@dataclass(frozen=True)
class LoopSettings:
    """``batch`` events at most are applied together; ``refresh_seconds`` between looks at pointers and lag."""

    bootstrap: str
    prefix: str
    batch: int = 1000
    poll_ms: int = 200
    refresh_seconds: float = 1.0
    backoff_seconds: float = 0.2
    backoff_most_seconds: float = 2.0
    session_ms: int = 10_000
    heartbeat_ms: int = 2_000


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what was given and taken; the loop acts on it after the poll."""

    def __init__(self) -> None:
        self.fresh: set[int] = set()
        self.revoked: set[int] = set()

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self.fresh |= {p.partition for p in assigned}

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        self.revoked |= {p.partition for p in revoked}
        self.fresh -= self.revoked


def group_id(prefix: str) -> str:
    """The consumer group that keeps the online state of an installation."""
    return f"{prefix}online"


class ConsumerLoop:
    """One consumer process. ``run`` returns after ``stop`` was set and the batch at hand is committed."""

    def __init__(
        self,
        settings: LoopSettings,
        processor: Processor,
        dead_letters: DeadLetterWriter,
        clock: Clock,
        metrics: ConsumerMetrics,
        health: Health,
        *,
        towers: TowersInService | None = None,
        vectors: VectorWriter | None = None,
    ) -> None:
        self._settings = settings
        self._processor = processor
        self._dead_letters = dead_letters
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._towers = towers
        self._vectors = vectors
        self._topic = EVENTS.address(settings.prefix)
        self._assignment = _Assignment()
        self._refresh_due = 0.0
        self._failures = 0
        self._empty_handed_since: float | None = None
        self._patience = EMPTY_HANDED_SECONDS
        self._consumer: Any = None

    def run(self, stop: threading.Event) -> None:
        """Consumes until ``stop``. Faults of Redis, Kafka and the model server are waited out, never passed over."""
        self._consumer = KafkaConsumer(
            bootstrap_servers=self._settings.bootstrap,
            group_id=group_id(self._settings.prefix),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=self._settings.batch,
            fetch_max_wait_ms=self._settings.poll_ms,
            session_timeout_ms=self._settings.session_ms,
            heartbeat_interval_ms=self._settings.heartbeat_ms,
            reconnect_backoff_max_ms=1000,
            metadata_max_age_ms=METADATA_MS,
        )
        self._consumer.subscribe([self._topic], listener=self._assignment)
        try:
            while not stop.is_set():
                self._turn(stop)
        finally:
            self._consumer.close(autocommit=False)

    def _turn(self, stop: threading.Event) -> None:
        self._health.beat = time.monotonic()
        try:
            polled = self._consumer.poll(timeout_ms=self._settings.poll_ms)
            # What came for a partition before it was settled was read from Kafka's place, not from Redis's.
            settled = self._processor.partitions - self._assignment.fresh - self._assignment.revoked
            batches = {tp.partition: messages for tp, messages in polled.items() if tp.partition in settled}
            self._settle()
            if batches:
                self._handle(batches)
            self._refresh()
        except MarkMovedError as error:
            log.warning("starting again where Redis stands", partitions=sorted(error.marks))
            self._start_again(sorted(error.marks))
        except redis.RedisError as error:
            self._fail("redis", error, stop)
        except (KafkaError, UnavailableError) as error:
            self._fail("kafka", error, stop)
        except ConflictError as error:
            self._fail("users", error, stop)
        else:
            self._failures = 0
            self._health.fault = None
            self._health.joined = bool(self._consumer.assignment())

    def _fail(self, dependency: str, error: Exception, stop: threading.Event) -> None:
        """Waits, then starts every partition where Redis stands: what was read but not applied is read again."""
        self._failures += 1
        self._metrics.outages.labels(dependency).inc()
        self._health.fault = f"{dependency}: {error}"
        log.warning("waiting", dependency=dependency, error=str(error), failures=self._failures)
        self._start_again(sorted(self._processor.partitions))
        delay = self._settings.backoff_seconds * 2 ** min(self._failures - 1, 10)
        stop.wait(min(delay, self._settings.backoff_most_seconds))

    def _start_again(self, partitions: Sequence[int]) -> None:
        self._processor.drop(partitions)
        self._assignment.fresh |= set(partitions)
        self._metrics.rewinds.inc(len(partitions))

    def _settle(self) -> None:
        """Takes over what was assigned since the last poll; the next poll reads it from where Redis stands."""
        assignment = self._assignment
        if assignment.revoked:
            self._processor.drop(sorted(assignment.revoked))
            for partition in assignment.revoked:
                self._metrics.lag.remove(str(partition))
            assignment.revoked = set()
        owned = {p.partition for p in self._consumer.assignment()}
        fresh = sorted(assignment.fresh & owned)
        if not fresh:
            return
        places = self._processor.take(fresh)
        beginning = self._consumer.beginning_offsets([TopicPartition(self._topic, p) for p in fresh])
        for tp, first in beginning.items():
            place = places[tp.partition]
            if place is not None and place < first:
                log.error("events are past retention: replay from the lake", partition=tp.partition, lost=first - place)
            self._consumer.seek(tp, max(place or 0, first))
        assignment.fresh -= set(fresh)
        self._metrics.rebalances.inc()
        log.info("partitions taken over", places=places)

    def _handle(self, polled: dict[int, list[Any]]) -> None:
        started = time.monotonic()
        batches = {partition: self._decode(messages) for partition, messages in polled.items()}
        applied = self._processor.apply(batches)
        if self._towers is not None and self._vectors is not None:
            towers = list(self._towers.towers.values())
            self._metrics.vectors.inc(self._vectors.write(towers, applied.users, applied.daily))
            self._metrics.vector_failures.set(self._vectors.failures)
        self._processor.commit(batches)
        self._consumer.commit_async(
            {TopicPartition(self._topic, p): OffsetAndMetadata(b.end, "", -1) for p, b in batches.items()}
        )
        now = self._clock()
        for batch in batches.values():
            for record in batch.records:
                self._metrics.age.observe(max(0.0, now - record.received_at))
        self._metrics.events.inc(sum(len(batch.records) for batch in batches.values()))
        self._metrics.repeated.inc(applied.repeated)
        self._metrics.users.inc(len(applied.users))
        self._metrics.batch_seconds.observe(time.monotonic() - started)

    def _decode(self, messages: list[Any]) -> Batch:
        records: list[Record] = []
        for message in messages:
            try:
                records.append(decode(message.value, message.partition, message.offset))
            except InvalidInputError as error:
                self._dead_letters.write(str(error), message.topic, message.partition, message.offset, message.value)
                self._metrics.dead_letters.inc()
                log.warning("message set aside", partition=message.partition, offset=message.offset, error=str(error))
        return Batch(records, messages[-1].offset + 1)

    def _refresh(self) -> None:
        """Looks at Redis's marks, the pointers and the lag once in a while, also when no events come."""
        if time.monotonic() < self._refresh_due:
            return
        self._refresh_due = time.monotonic() + self._settings.refresh_seconds
        self._processor.verify()
        if self._towers is not None:
            self._towers.refresh()
        self._join_again_if_empty_handed()
        for tp in self._consumer.assignment():
            highest = self._consumer.highwater(tp)
            if highest is not None:
                self._metrics.lag.labels(str(tp.partition)).set(max(0, highest - self._consumer.position(tp)))

    def _join_again_if_empty_handed(self) -> None:
        now = time.monotonic()
        if self._consumer.assignment():
            self._empty_handed_since, self._patience = None, EMPTY_HANDED_SECONDS
        elif self._empty_handed_since is None:
            self._empty_handed_since = now
        elif now - self._empty_handed_since > self._patience:
            log.warning("no partition was assigned: joining the group anew", after_seconds=self._patience)
            self._empty_handed_since, self._patience = now, min(2 * self._patience, EMPTY_HANDED_MOST_SECONDS)
            self._consumer.unsubscribe()
            self._consumer.subscribe([self._topic], listener=self._assignment)
