"""Applies a batch of events to the online state: the one path for the consumer, a replay and the tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import redis

from contracts.clock import Clock
from contracts.errors import HeadwaterError
from feature_repo import activity
from feature_repo.activity import Happening
from feature_repo.erased import erased_until
from feature_repo.online import PROJECT
from feature_repo.redis_reader import StateRow, read_states
from feature_repo.redis_state import change_users, folding
from streaming.partition_state import (
    PartitionMark,
    Progress,
    TrendingDelta,
    read_marks,
    read_waiting,
    write_progress,
    write_trending,
)
from streaming.records import Record, erased


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in the order of their offsets; ``end`` is the next offset, past skipped ones too."""

    records: Sequence[Record]
    end: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch did: how many users it changed or confirmed, and how many events brought nothing new."""

    users: int
    repeated: int


class MarkMovedError(HeadwaterError):
    """Redis does not stand where this process left it: it lost writes, or another process took the partition."""

    def __init__(self, marks: Mapping[int, PartitionMark]) -> None:
        super().__init__(f"partitions {sorted(marks)} stand elsewhere in Redis than expected; starting from there")
        self.marks = marks


class Processor:
    """Writes events of partitions to Redis under ``project``. One process at a time owns a partition."""

    def __init__(self, client: "redis.Redis[bytes]", clock: Clock, *, project: str = PROJECT) -> None:
        self._client = client
        self._clock = clock
        self._project = project
        self._marks: dict[int, PartitionMark] = {}

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions taken over."""
        return frozenset(self._marks)

    def take(self, partitions: Sequence[int]) -> dict[int, int | None]:
        """Takes partitions over. Returns the next offset to apply of each, None where nothing was applied yet."""
        marks = read_marks(self._client, partitions, project=self._project)
        self._marks |= marks
        return {partition: mark.applied for partition, mark in marks.items()}

    def drop(self, partitions: Sequence[int]) -> None:
        """Gives partitions up."""
        for partition in partitions:
            self._marks.pop(partition, None)

    def apply(self, batches: Mapping[int, Batch]) -> Applied:
        """Folds and writes the batches; when it returns, everything but the mark is written (see ``commit``). Events
        that came before their user was erased are left out.

        Raises redis.RedisError (take the partitions over again before going on) and MarkMovedError.
        """
        batches = self._without_erased(batches)
        by_user: dict[str, list[Happening]] = {}
        for batch in batches.values():
            for record in batch.records:
                by_user.setdefault(record.user_id, []).append(record.happening)
        rows = dict(zip(by_user, read_states(self._client, list(by_user), project=self._project), strict=True))
        self._check(list(batches))
        repeated = self._count_trending(batches, rows)
        changes = {user_id: folding(happenings) for user_id, happenings in by_user.items()}
        change_users(self._client, changes, self._clock, project=self._project, rows=rows)
        return Applied(len(rows), repeated)

    def _without_erased(self, batches: Mapping[int, Batch]) -> Mapping[int, Batch]:
        until = erased_until(self._client, {record.user_id for batch in batches.values() for record in batch.records})
        if not until:
            return batches
        return {p: Batch([one for one in b.records if not erased(one, until)], b.end) for p, b in batches.items()}

    def commit(self, moved: Mapping[int, Progress]) -> None:
        """Moves partitions on. Call it last, when all that depends on their events is written.

        Raises redis.RedisError, and MarkMovedError where Redis no longer stands where this process left it.
        """
        if elsewhere := write_progress(self._client, moved, self._marks, project=self._project):
            raise MarkMovedError(read_marks(self._client, elsewhere, project=self._project))
        for partition, progress in moved.items():
            if progress.applied is not None:
                self._marks[partition] = PartitionMark(progress.applied, self._marks[partition].counted)

    def waiting(self, partition: int) -> list[str]:
        """Users whose vectors the partition's last owner left behind their state."""
        return read_waiting(self._client, partition, project=self._project)

    def verify(self) -> None:
        """Looks whether Redis still stands where this process left it, also when no events come.

        Raises MarkMovedError or redis.RedisError.
        """
        self._check(list(self._marks))

    def _check(self, partitions: Sequence[int]) -> None:
        found = read_marks(self._client, partitions, project=self._project)
        if moved := {p: mark for p, mark in found.items() if mark != self._marks[p]}:
            raise MarkMovedError(moved)

    def _count_trending(self, batches: Mapping[int, Batch], rows: Mapping[str, StateRow]) -> int:
        """Counts what is new in each partition; returns how many events were repetitions."""
        deltas, repeated = {}, 0
        states = {user_id: row.activity for user_id, row in rows.items()}
        for partition, batch in batches.items():
            counted = self._marks[partition].counted
            fresh = []
            for record in batch.records:
                state = states[record.user_id]
                if activity.contains(state, record.happening):
                    repeated += 1
                elif record.happening.offset > counted:
                    fresh.append(record.happening)
                states[record.user_id] = activity.fold(state, record.happening)
            if batch.records and batch.records[-1].happening.offset > counted:
                deltas[partition] = TrendingDelta(batch.records[-1].happening.offset)
                deltas[partition].add(fresh)
        counted_before = {partition: self._marks[partition].counted for partition in deltas}
        if deltas and not write_trending(self._client, deltas, counted_before, project=self._project):
            raise MarkMovedError(read_marks(self._client, list(deltas), project=self._project))
        for partition, delta in deltas.items():
            self._marks[partition] = PartitionMark(self._marks[partition].applied, delta.offset)
        return repeated
