"""The consumer's loop: poll, decode, apply, vectors, commit; and what it does when something fails."""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import redis
import structlog
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from contracts.clock import Clock
from contracts.errors import ConflictError, UnavailableError
from contracts.topics import EVENTS
from streaming.consumer.group import METADATA_MS, Assignment, LoopSettings, group_id
from streaming.consumer.health import Health
from streaming.consumer.metrics import ConsumerMetrics
from streaming.dead_letters import DeadLetterWriter
from streaming.empty_handed import EmptyHanded
from streaming.partition_state import Progress
from streaming.processor import Batch, MarkMovedError, Processor
from streaming.vector_queue import VectorQueue

log = structlog.get_logger(__name__)


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
        vectors: VectorQueue | None = None,
    ) -> None:
        self._settings = settings
        self._processor = processor
        self._dead_letters = dead_letters
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._vectors = vectors
        self._computing: Future[None] | None = None
        self._topic = EVENTS.address(settings.prefix)
        self._assignment = Assignment()
        self._refresh_due = 0.0
        self._failures = 0
        self._empty_handed = EmptyHanded()
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
        with ThreadPoolExecutor(1, "vectors") as pool:
            try:
                if self._vectors is not None:
                    self._computing = pool.submit(self._vectors.run, stop)
                while not stop.is_set():
                    self._turn(stop)
            finally:
                stop.set()
                self._consumer.close(autocommit=False)

    def _turn(self, stop: threading.Event) -> None:
        self._health.beat = time.monotonic()
        try:
            polled = self._consumer.poll(timeout_ms=self._settings.poll_ms)
            # What came for a partition before it was settled was read from Kafka's place, not from Redis's.
            settled = self._processor.partitions - self._assignment.fresh - self._assignment.revoked
            batches = {tp.partition: messages for tp, messages in polled.items() if tp.partition in settled}
            if self._vectors is not None:
                self._vectors.yielding = sum(map(len, batches.values())) >= self._settings.batch
            self._settle()
            if batches:
                self._handle(batches)
            elif not self._consumer.assignment():
                stop.wait(self._settings.poll_ms / 1000)
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

    def _give_up(self, partitions: Sequence[int]) -> None:
        self._processor.drop(partitions)
        if self._vectors is not None:
            self._vectors.drop(partitions)

    def _start_again(self, partitions: Sequence[int]) -> None:
        self._give_up(partitions)
        self._assignment.fresh |= set(partitions)
        self._metrics.rewinds.inc(len(partitions))

    def _settle(self) -> None:
        """Takes over what was assigned since the last poll; the next poll reads it from where Redis stands."""
        assignment = self._assignment
        if assignment.revoked:
            self._give_up(sorted(assignment.revoked))
            for partition in assignment.revoked:
                self._metrics.lag.remove(str(partition))
            assignment.revoked = set()
        owned = {p.partition for p in self._consumer.assignment()}
        fresh = sorted(assignment.fresh & owned)
        if not fresh:
            return
        places = self._processor.take(fresh)
        if self._vectors is not None:
            self._take_debts(self._vectors, fresh)
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
        self._commit(batches)
        self._consumer.commit_async(
            {TopicPartition(self._topic, p): OffsetAndMetadata(b.end, "", -1) for p, b in batches.items()}
        )
        now = self._clock()
        for batch in batches.values():
            for record in batch.records:
                self._metrics.age.observe(max(0.0, now - record.received_at))
        self._metrics.events.inc(sum(len(batch.records) for batch in batches.values()))
        self._metrics.repeated.inc(applied.repeated)
        self._metrics.users.inc(applied.users)
        self._metrics.batch_seconds.observe(time.monotonic() - started)

    def _take_debts(self, vectors: VectorQueue, partitions: Iterable[int]) -> None:
        """Queues the users whose vectors somebody else left behind."""
        for partition in partitions:
            vectors.add(partition, self._processor.waiting(partition))

    def _commit(self, batches: dict[int, Batch]) -> None:
        """Moves the marks, and notes whose vectors are behind before anybody could think that they are not."""
        done = self._vectors.take_done() if self._vectors is not None else {}
        moved = {partition: Progress(done=users) for partition, users in done.items()}
        for partition, batch in batches.items():
            users = {record.user_id for record in batch.records}
            waiting = self._vectors.add(partition, users) if self._vectors is not None else ()
            moved[partition] = Progress(batch.end, waiting, done.get(partition, ()))
        self._processor.commit(moved)

    def _decode(self, messages: list[Any]) -> Batch:
        records = self._dead_letters.sift(messages)
        self._metrics.dead_letters.inc(len(messages) - len(records))
        return Batch(records, messages[-1].offset + 1)

    def _refresh(self) -> None:
        """Looks at Redis's marks, the pointers and the lag once in a while, also when no events come."""
        if time.monotonic() < self._refresh_due:
            return
        self._refresh_due = time.monotonic() + self._settings.refresh_seconds
        self._processor.verify()
        if self._vectors is not None and self._computing is not None:
            if self._computing.done():
                self._computing.result()
            if self._vectors.refresh():
                self._take_debts(self._vectors, self._processor.partitions)
            self._metrics.vectors_behind.set(len(self._vectors))
            self._commit({})
        self._join_again_if_empty_handed()
        for tp in self._consumer.assignment():
            highest = self._consumer.highwater(tp)
            if highest is not None:
                self._metrics.lag.labels(str(tp.partition)).set(max(0, highest - self._consumer.position(tp)))

    def _join_again_if_empty_handed(self) -> None:
        waited = self._empty_handed.patience
        if self._empty_handed.should_join(bool(self._consumer.assignment()), time.monotonic()):
            log.warning("no partition was assigned: joining the group anew", after_seconds=waited)
            self._consumer.unsubscribe()
            self._consumer.subscribe([self._topic], listener=self._assignment)
