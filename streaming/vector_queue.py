"""Users whose vectors are behind: a thread of the consumer brings them up to date, so that events never wait for it.

A user stands in the queue once, however many events came: under load vectors coalesce and the newest state counts.
The queue is also kept in Redis (see ``partition_state``), so that what a dead process owed is done by the next one, and
what a model server missed is caught up when it is back.
"""

import threading
import time
from collections.abc import Collection
from itertools import count, islice

import redis
import structlog

from contracts.errors import NotFoundError, UnavailableError
from streaming.consumer.metrics import ConsumerMetrics
from streaming.towers import Tower, TowersInService
from streaming.vectors import ROWS_PER_CALL, VectorWriter

MOST_WAITING = 10_000
"""Users that may wait while a backlog of events is applied: whoever acts again before the end needs one vector, not
two. Readers see that a vector is behind and compute it themselves.
"""

RETRY_SECONDS = 1.0
"""Pause of one release after its model, or Redis, did not answer."""

log = structlog.get_logger(__name__)


class VectorQueue:
    """``run`` is the thread's, the rest is the consumer's, which sets ``yielding`` while it has a backlog."""

    def __init__(self, towers: TowersInService, writer: VectorWriter, metrics: ConsumerMetrics) -> None:
        self._towers = towers
        self._writer = writer
        self._metrics = metrics
        self._turn = count()
        self._behind: dict[str, dict[str, int]] = {}
        self._partition_of: dict[str, int] = {}
        self._done: dict[int, list[str]] = {}
        self._retry_at: dict[str, float] = {}
        self._known: frozenset[str] = frozenset()
        self.yielding = False
        self._changed = threading.Condition()

    def refresh(self) -> bool:
        """Looks which releases are in service; what was owed to another one is owed no more. Says whether one came:
        it owes to everybody who waits."""
        self._towers.refresh()
        known, self._known = self._known, frozenset(self._towers.towers)
        with self._changed:
            for release in self._behind.keys() - self._known:
                for user_id in self._behind.pop(release):
                    self._settle(user_id)
        return bool(self._known - known)

    def add(self, partition: int, user_ids: Collection[str]) -> Collection[str]:
        """Queues users of a partition for every release in service; returns those who wait, none without a release."""
        releases = list(self._towers.towers)
        with self._changed:
            for release in releases:
                self._behind.setdefault(release, {}).update((user_id, next(self._turn)) for user_id in user_ids)
            if releases:
                self._partition_of.update(dict.fromkeys(user_ids, partition))
            self._changed.notify()
        return user_ids if releases else ()

    def drop(self, partitions: Collection[int]) -> None:
        """Forgets the users of partitions that were given up: their next owner finds them in Redis."""
        with self._changed:
            gone = [user_id for user_id, partition in self._partition_of.items() if partition in partitions]
            for user_id in gone:
                del self._partition_of[user_id]
                for users in self._behind.values():
                    users.pop(user_id, None)
            for partition in partitions:
                self._done.pop(partition, None)

    def take_done(self) -> dict[int, list[str]]:
        """Partition → users that came up to date since the last call and are not waiting again."""
        with self._changed:
            done, self._done = self._done, {}
            return {p: [u for u in users if u not in self._partition_of] for p, users in done.items()}

    def __len__(self) -> int:
        """Users that wait."""
        return len(self._partition_of)

    def run(self, stop: threading.Event) -> None:
        """Works until ``stop``."""
        while not stop.is_set():
            with self._changed:
                tower = self._next()
                if tower is None or (self.yielding and len(self) < MOST_WAITING):
                    self._changed.wait(0.1)
                    continue
                chosen = dict(islice(self._behind[tower.release].items(), ROWS_PER_CALL))
            self._compute(tower, chosen)

    def _next(self) -> Tower | None:
        """The tower whose first user waits longest, of those that are not pausing."""
        now = time.monotonic()
        ready = [r for r, users in self._behind.items() if users and self._retry_at.get(r, 0.0) <= now]
        first = min(ready, key=lambda release: next(iter(self._behind[release].values())), default=None)
        return None if first is None else self._towers.towers.get(first)

    def _compute(self, tower: Tower, chosen: dict[str, int]) -> None:
        try:
            self._metrics.vectors.inc(self._writer.write(tower, list(chosen)))
        except (UnavailableError, NotFoundError, redis.RedisError) as error:
            self._note(tower, chosen, error)
            self._retry_at[tower.release] = time.monotonic() + RETRY_SECONDS
            return
        except ValueError as error:  # the model will refuse them again
            self._note(tower, chosen, error)
        with self._changed:
            users = self._behind.get(tower.release, {})
            for user_id in users.keys() & chosen.keys():
                turn = users.pop(user_id)
                if turn == chosen[user_id]:
                    self._settle(user_id)
                else:  # more events came meanwhile
                    users[user_id] = turn

    def _note(self, tower: Tower, chosen: dict[str, int], error: Exception) -> None:
        self._metrics.vector_failures.inc(len(chosen))
        log.warning("vectors were not computed", release=tower.release, users=len(chosen), error=str(error))

    def _settle(self, user_id: str) -> None:
        owed = any(user_id in users for users in self._behind.values())
        if user_id in self._partition_of and not owed:
            self._done.setdefault(self._partition_of.pop(user_id), []).append(user_id)
