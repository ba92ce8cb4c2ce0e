"""Two namespaces of online state (Feast projects in one Redis): their users, their differences, and the swap."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import cast

import numpy as np
import redis

from contracts.clock import Clock
from contracts.errors import ConflictError
from contracts.topics import EVENTS
from feature_repo import activity, seen, trending
from feature_repo.online import USER_ACTIVITY, USER_SEEN, USER_VECTOR
from feature_repo.redis_layout import encode_entity_key, encode_row, encode_version, literal, timestamp_field
from feature_repo.redis_reader import UserRow, read_users, trending_key
from feature_repo.redis_state import ATTEMPTS
from feature_repo.redis_writer import Write, next_version, write_all, write_rows
from streaming.partition_state import KEPT_SECONDS, partition_key, waiting_key

AT_ONCE = 1000
_Fields = dict[str | bytes, bytes | float | int | str]
_GUARD = timestamp_field(USER_ACTIVITY.name)


def user_ids(client: "redis.Redis[bytes]", project: str) -> Iterator[str]:
    """Every user that has a row in a namespace, in no order, each once."""
    head = encode_entity_key("", {"user_id": ""})[:-4]
    tail = project.encode()
    met: set[bytes] = set()
    for key in client.scan_iter(match=literal(head) + b"*" + literal(tail), count=AT_ONCE):
        length = int.from_bytes(key[len(head) : len(head) + 4], "little")
        if len(key) == len(head) + 4 + length + len(tail) and key not in met:
            met.add(key)
            yield key[len(head) + 4 : len(head) + 4 + length].decode()


@dataclass
class Comparison:
    """How two namespaces differ: ``missing`` users are not live, ``lost`` ones are live only. ``vector`` is the
    greatest absolute difference of an element."""

    users: int = 0
    missing: int = 0
    lost: int = 0
    history: int = 0
    counters: int = 0
    seen: int = 0
    vector: float = 0.0
    vectors: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether states are the same, and vectors within 1e-5."""
        return not (self.missing or self.lost or self.history or self.counters or self.seen) and self.vector <= 1e-5

    def add(self, user_id: str, live: UserRow, other: UserRow, releases: Sequence[str]) -> None:
        """Takes one user in."""
        self.users += 1
        faults = {
            "missing": not live.known,
            "lost": not other.known,
            "history": live.activity.acts != other.activity.acts,
            "counters": activity.counters(live.activity) != activity.counters(other.activity),
            "seen": live.seen.days != other.seen.days,
        }
        for name, differs in faults.items():
            if differs:
                setattr(self, name, getattr(self, name) + 1)
        if any(faults.values()) and len(self.examples) < 10:
            self.examples.append(user_id)
        for release in releases:
            if release in live.vectors and release in other.vectors:
                apart = np.abs(live.vectors[release].vector - other.vectors[release].vector)
                self.vector = max(self.vector, float(apart.max(initial=0.0)))
                self.vectors += 1


def _each_once(users: Iterable[str]) -> Iterator[str]:
    met: set[str] = set()
    for user in users:
        if user not in met:
            met.add(user)
            yield user


def compare(client: "redis.Redis[bytes]", live: str, other: str, releases: Sequence[str] = ()) -> Comparison:
    """Compares every user that either has."""
    result = Comparison()
    iterator = _each_once(chain(user_ids(client, other), user_ids(client, live)))
    while ids := list(islice(iterator, AT_ONCE)):
        lives = read_users(client, ids, releases, project=live)
        others = read_users(client, ids, releases, project=other)
        for user_id, one, two in zip(ids, lives, others, strict=True):
            if one.known or two.known:
                result.add(user_id, one, two, releases)
    return result


def swap(client: "redis.Redis[bytes]", live: str, other: str, clock: Clock, releases: Sequence[str] = ()) -> int:
    """Puts the state of ``other`` in place of the live one and removes ``other``; returns the users swapped.

    Safe beside a running consumer: the marks move to where ``other`` ends, the consumer notices and applies from there
    what came meanwhile. Users that ``other`` does not have keep their state.
    """
    swapped = 0
    iterator = user_ids(client, other)
    while ids := list(islice(iterator, AT_ONCE)):
        rows = read_users(client, ids, releases, project=other)
        versions = _replace(client, live, dict(zip(ids, rows, strict=True)), clock)
        for release in releases:
            vectors = [
                ({"user_id": u, "release": release}, {"user_vector": row.vectors[release].vector}, versions[u])
                for u, row in zip(ids, rows, strict=True)
                if release in row.vectors
            ]
            write_rows(client, USER_VECTOR, vectors, project=live)
        swapped += len(ids)
    _swap_partitions(client, live, other, clock)
    discard(client, other, clock, releases)
    return swapped


def _replace(client: "redis.Redis[bytes]", live: str, rows: dict[str, UserRow], clock: Clock) -> dict[str, int]:
    versions: dict[str, int] = {}
    for _ in range(ATTEMPTS):
        waiting = [user_id for user_id in rows if user_id not in versions]
        if not waiting:
            break
        writes, new = [], []
        for user_id, held in zip(waiting, read_users(client, waiting, project=live), strict=True):
            version = next_version(held.version, clock)
            fields = encode_row(USER_ACTIVITY, activity.to_features(rows[user_id].activity), version)
            fields |= encode_row(USER_SEEN, seen.to_features(rows[user_id].seen), version)
            expected = encode_version(held.version) if held.version else b""
            writes.append(Write(encode_entity_key(live, {"user_id": user_id}), _GUARD, expected, fields))
            new.append(version)
        done = write_all(client, writes)
        versions |= {u: v for u, v, ok in zip(waiting, new, done, strict=True) if ok}
    if len(versions) < len(rows):
        raise ConflictError(f"{len(rows) - len(versions)} users kept changing while they were swapped; replay again")
    return versions


def _days(clock: Clock) -> range:
    return trending.kept_days(clock())


def _swap_partitions(client: "redis.Redis[bytes]", live: str, other: str, clock: Clock) -> None:
    for partition in range(EVENTS.partitions):
        marks = cast(_Fields, client.hgetall(partition_key(other, partition)))
        days = [d for d in _days(clock) if client.exists(trending_key(other, partition, d))]
        dumps = {day: cast(_Fields, client.hgetall(trending_key(other, partition, day))) for day in days}
        pipe = client.pipeline(transaction=True)
        for day in _days(clock):
            pipe.delete(trending_key(live, partition, day))
            if day in dumps:
                pipe.hset(trending_key(live, partition, day), mapping=dumps[day])
                pipe.expire(trending_key(live, partition, day), KEPT_SECONDS)
        if marks:
            pipe.delete(partition_key(live, partition))
            pipe.hset(partition_key(live, partition), mapping=marks)
        pipe.execute()


def discard(client: "redis.Redis[bytes]", project: str, clock: Clock, releases: Sequence[str] = ()) -> None:
    """Removes a namespace."""
    iterator = user_ids(client, project)
    while ids := list(islice(iterator, AT_ONCE)):
        keys = [encode_entity_key(project, {"user_id": u}) for u in ids]
        keys += [encode_entity_key(project, {"user_id": u, "release": r}) for u in ids for r in releases]
        client.unlink(*keys)
    client.unlink(
        *(key(project, p) for key in (partition_key, waiting_key) for p in range(EVENTS.partitions)),
        *(trending_key(project, p, day) for p in range(EVENTS.partitions) for day in _days(clock)),
    )
