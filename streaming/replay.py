"""Builds the online state again, from the lake and from Kafka, in a namespace beside the live one.

Each event takes the path it took live: events of the stream by partition and offset through the processor (those that
Kafka no longer holds come from the lake, by the origin they were stored with), imported ones by the same fold. What
stands in both is one event, by its id. Events of the stream that the lake holds and neither step brought come last: the
Kafka that they came through is not the one at hand, as after a restore, and their offsets say nothing about this one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow.compute as pc
import redis
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from contracts.clock import Clock
from contracts.errors import ConflictError, InvalidInputError
from contracts.events import ACTION_CODES, Action
from contracts.topics import EVENTS
from feature_repo import activity, seen
from feature_repo.activity import Happening, event_key, milliseconds
from feature_repo.erased import erased_until
from feature_repo.redis_reader import StateRow, read_states
from feature_repo.redis_state import change_users, folding
from lake.store import Lake
from streaming.namespace import user_ids
from streaming.partition_state import Progress, TrendingDelta, read_marks, write_trending
from streaming.processor import Batch, Processor
from streaming.records import Record, decode, erased
from streaming.towers import Tower
from streaming.vectors import VectorWriter

AT_ONCE = 2000

Within = Callable[[int], bool]
"""Whether an event time, epoch milliseconds, lies in the interval to be replayed."""


@dataclass
class ReplayReport:
    """Events read from each side, messages that broke the contract, and users in the namespace at the end."""

    from_lake: int = 0
    from_kafka: int = 0
    refused: int = 0
    users: int = 0
    vectors: int = 0


def within(start: datetime | None, end: datetime | None) -> Within:
    """``start`` included, ``end`` not; None is open. Raises InvalidInputError for an empty interval."""
    first = milliseconds(start) if start else None
    last = milliseconds(end) if end else None
    if first is not None and last is not None and first >= last:
        raise InvalidInputError("--to", "must be later than --from")
    return lambda time_ms: (first is None or time_ms >= first) and (last is None or time_ms < last)


def _lake_records(lake: Lake) -> Iterator[tuple[Record, int, int]]:
    """Every interaction as a record, with partition and offset of the stream (-1 when it came another way)."""
    columns = ["event_id", "user_id", "item_id", "action", "source", "origin"]
    for batch in lake.scan("interactions"):
        times = pc.cast(batch["timestamp"], "int64")
        came = pc.coalesce(pc.cast(batch["received_at"], "int64"), times)
        texts = (batch[name].to_pylist() for name in columns)
        rows = zip(*texts, times.to_pylist(), came.to_pylist(), strict=True)
        for event_id, user_id, item_id, action, source, origin, micros, received in rows:
            topic, _, place = origin.rpartition(":")[0].rpartition(":")
            partition, offset = -1, -1
            if source == "stream" and topic == EVENTS.name:
                partition, offset = int(place), int(origin.rpartition(":")[2])
            happening = Happening(
                micros // 1000, event_key(event_id), item_id, ACTION_CODES[Action(action)], partition, offset
            )
            yield Record(user_id, happening, received / 1e6), partition, offset


def _folded(row: StateRow, happening: Happening) -> bool:
    """Whether the event would change nothing any more."""
    return activity.contains(row.activity, happening) and seen.fold(row.seen, happening) is row.seen


def _chunks(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    iterator = iter(records)
    while chunk := list(islice(iterator, size)):
        yield chunk


class Replay:
    """One replay into ``namespace`` (a Feast project of its own)."""

    def __init__(
        self,
        client: "redis.Redis[bytes]",
        lake: Lake,
        bootstrap: str,
        prefix: str,
        clock: Clock,
        *,
        namespace: str,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._lake = lake
        self._topic = EVENTS.address(prefix)
        self._bootstrap = bootstrap
        self._clock = clock
        self.namespace = namespace
        self._processor = Processor(client, clock, project=namespace)
        self._say = say
        self.report = ReplayReport()

    def run(self, wanted: Within) -> ReplayReport:
        """Rebuilds every user's state and the trending counters.

        Raises redis.RedisError, UnavailableError, or ConflictError when another replay writes the namespace.
        """
        places = [TopicPartition(self._topic, p) for p in range(EVENTS.partitions)]
        self._processor.take([place.partition for place in places])
        consumer = KafkaConsumer(bootstrap_servers=self._bootstrap, max_poll_records=AT_ONCE)
        try:
            consumer.assign(places)
            first = {tp.partition: offset for tp, offset in consumer.beginning_offsets(places).items()}
            self._from_lake(wanted, first)
            self._from_kafka(consumer, places, wanted)
            self._from_another_log(wanted, first)
        finally:
            consumer.close()
        self.report.users = sum(1 for _ in user_ids(self._client, self.namespace))
        return self.report

    def _from_lake(self, wanted: Within, first: dict[int, int]) -> None:
        """Stream events older than Kafka's first ones in the order of their offsets, and everything imported."""
        old: dict[int, list[Record]] = {partition: [] for partition in first}
        imported: list[Record] = []
        for record, partition, offset in _lake_records(self._lake):
            if not wanted(record.happening.time_ms):
                continue
            if partition < 0:
                imported.append(record)
            elif offset < first.get(partition, 0):
                old[partition].append(record)
            if len(imported) >= AT_ONCE:
                self._merge(imported)
                imported = []
        self._merge(imported)
        for partition, records in old.items():
            records.sort(key=lambda record: record.happening.offset)
            for chunk in _chunks(records, AT_ONCE):
                self._apply({partition: Batch(chunk, chunk[-1].happening.offset + 1)})
                self.report.from_lake += len(chunk)

    def _from_another_log(self, wanted: Within, first: dict[int, int]) -> None:
        """The lake's stream events that are in no state yet. In the order of their times, so that the window of a user
        with many does not hide the older ones from the trending counters."""
        later = (
            (record._replace(happening=record.happening._replace(partition=-1, offset=-1)), partition)
            for record, partition, offset in _lake_records(self._lake)
            if offset >= first.get(partition, 0) and partition >= 0 and wanted(record.happening.time_ms)
        )
        lost: list[tuple[Record, int]] = []
        while chunk := list(islice(later, AT_ONCE)):
            until = erased_until(self._client, {record.user_id for record, _ in chunk})
            chunk = [one for one in chunk if not erased(one[0], until)]
            lost += self._where(chunk, lambda row, happening: not _folded(row, happening))
        lost.sort(key=lambda one: one[0].happening)
        rest = iter(lost)
        while chunk := list(islice(rest, AT_ONCE)):
            self._count(self._where(chunk, lambda row, happening: not activity.contains(row.activity, happening)))
            self._merge([record for record, _ in chunk])

    def _where(
        self, records: Sequence[tuple[Record, int]], holds: Callable[[StateRow, Happening], bool]
    ) -> list[tuple[Record, int]]:
        users = list({record.user_id for record, _ in records})
        rows = dict(zip(users, read_states(self._client, users, project=self.namespace), strict=True))
        return [one for one in records if holds(rows[one[0].user_id], one[0].happening)]

    def _count(self, records: Sequence[tuple[Record, int]]) -> None:
        """Adds to the trending counters and leaves their offsets where this Kafka's events brought them."""
        marks = read_marks(self._client, range(EVENTS.partitions), project=self.namespace)
        counted = {partition: mark.counted for partition, mark in marks.items()}
        deltas: dict[int, TrendingDelta] = {}
        for record, partition in records:
            deltas.setdefault(partition, TrendingDelta(counted[partition])).add([record.happening])
        if deltas and not write_trending(self._client, deltas, counted, project=self.namespace):
            raise ConflictError(f"another replay writes {self.namespace}; wait until it has ended")

    def _merge(self, records: Sequence[Record]) -> None:
        until = erased_until(self._client, {record.user_id for record in records})
        records = [record for record in records if not erased(record, until)]
        by_user: dict[str, list[Happening]] = {}
        for record in records:
            by_user.setdefault(record.user_id, []).append(record.happening)
        changes = {user_id: folding(happenings) for user_id, happenings in by_user.items()}
        change_users(self._client, changes, self._clock, project=self.namespace)
        self.report.from_lake += len(records)

    def _from_kafka(self, consumer: Any, places: Sequence[TopicPartition], wanted: Within) -> None:
        goal = consumer.end_offsets(places)
        total = sum(goal.values())
        consumer.seek_to_beginning(*places)
        while any(consumer.position(place) < goal[place] for place in places):
            batches = {}
            for place, messages in consumer.poll(timeout_ms=500).items():
                kept = [message for message in messages if message.offset < goal[place]]
                if kept:
                    batches[place.partition] = Batch(self._decode(kept, wanted), kept[-1].offset + 1)
            if batches:
                self._apply(batches)
                done = sum(min(consumer.position(place), goal[place]) for place in places)
                self._say(f"{done:,} of {total:,} messages")

    def _decode(self, messages: Sequence[Any], wanted: Within) -> list[Record]:
        records = []
        for message in messages:
            try:
                record = decode(message.value, message.partition, message.offset)
            except InvalidInputError:
                self.report.refused += 1
                continue
            self.report.from_kafka += 1
            if wanted(record.happening.time_ms):
                records.append(record)
        return records

    def _apply(self, batches: dict[int, Batch]) -> None:
        self._processor.apply(batches)
        self._processor.commit({partition: Progress(batch.end) for partition, batch in batches.items()})

    def vectors(self, towers: Sequence[Tower], writer: VectorWriter) -> None:
        """Computes the vectors of every user in the namespace; ``writer`` must write there.

        Raises what ``VectorWriter.write`` raises.
        """
        iterator = user_ids(self._client, self.namespace)
        while ids := list(islice(iterator, AT_ONCE)):
            self.report.vectors += sum(writer.write(tower, ids) for tower in towers)
