"""Writes rows as Feast lays them out. Many writers may write one row: each write compares the row's version first.

Feast compares in the client between a read and a write, which two writers can pass at once. Here a Lua script compares
and sets within Redis: a row is written only over the version that its writer saw.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import redis

from contracts.clock import Clock
from contracts.errors import ConflictError
from feature_repo.online import PROJECT, OnlineView, Value
from feature_repo.redis_layout import decode_version, encode_entity_key, encode_row, timestamp_field

_COMPARE_AND_SET = b"""
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
"""
_SHA = hashlib.sha1(_COMPARE_AND_SET, usedforsecurity=False).hexdigest()
ATTEMPTS = 10


def next_version(previous: int, clock: Clock) -> int:
    """The version of a changed state, microseconds since 1970: now, or one more than before where the clock lags.

    A hybrid logical clock (Kulkarni et al., OPODIS 2014): never goes back, even when the clock does.
    """
    return max(previous + 1, int(clock() * 1_000_000))


@dataclass(frozen=True, slots=True)
class Write:
    """Fields to set on ``key`` if its field ``guard`` still holds ``expected`` (empty: not there)."""

    key: bytes
    guard: bytes
    expected: bytes
    fields: Mapping[bytes, bytes]


def write_all(client: "redis.Redis[bytes]", writes: Sequence[Write]) -> list[bool]:
    """Performs each write or leaves it, in one round trip; says which were done.

    Raises redis.RedisError, also when Redis refuses a write because it is full.
    """
    done: dict[int, bool] = {}
    waiting = list(range(len(writes)))
    for _ in range(2):
        replies = _send(client, [writes[i] for i in waiting])
        unloaded = []
        for i, reply in zip(waiting, replies, strict=True):
            if isinstance(reply, redis.exceptions.NoScriptError):
                unloaded.append(i)
            elif isinstance(reply, Exception):
                raise reply
            else:
                done[i] = bool(reply)
        waiting = unloaded
        if not waiting:
            break
        client.script_load(_COMPARE_AND_SET)  # type: ignore[no-untyped-call]
    if waiting:
        raise redis.exceptions.NoScriptError("Redis forgets scripts while they are in use")
    return [done[i] for i in range(len(writes))]


def _send(client: "redis.Redis[bytes]", writes: Sequence[Write]) -> list[Any]:
    pipe = client.pipeline(transaction=False)
    for write in writes:
        flat = [part for pair in write.fields.items() for part in pair]
        pipe.evalsha(_SHA, 1, write.key, write.guard, write.expected, *flat)
    return pipe.execute(raise_on_error=False)


def write_rows(
    client: "redis.Redis[bytes]",
    view: OnlineView,
    rows: Iterable[tuple[Mapping[str, str], Mapping[str, Value], int]],
    *,
    project: str = PROJECT,
    batch: int = 1000,
) -> int:
    """Writes rows (entity, values, version) in bulk with Feast's rule: only what is strictly later is written.

    Returns the number written. Two round trips a batch. Raises redis.RedisError; ConflictError when others keep
    writing the same rows.
    """
    written = 0
    iterator = iter(rows)
    while chunk := list(islice(iterator, batch)):
        latest: dict[bytes, tuple[Mapping[str, Value], int]] = {}
        for entity, values, version in chunk:
            key = encode_entity_key(project, entity)
            if key not in latest or latest[key][1] < version:
                latest[key] = (values, version)
        written += _write_chunk(client, view, latest)
    return written


def _write_chunk(
    client: "redis.Redis[bytes]", view: OnlineView, rows: dict[bytes, tuple[Mapping[str, Value], int]]
) -> int:
    guard = timestamp_field(view.name)
    written = 0
    for _ in range(ATTEMPTS):
        pipe = client.pipeline(transaction=False)
        for key in rows:
            pipe.hget(key, guard)
        writes = []
        for (key, (values, version)), held in zip(rows.items(), pipe.execute(), strict=True):
            if version > decode_version(held):
                writes.append(Write(key, guard, held or b"", encode_row(view, values, version)))
        done = write_all(client, writes)
        written += sum(done)
        rows = {write.key: rows[write.key] for write, ok in zip(writes, done, strict=True) if not ok}
        if not rows:
            return written
    raise ConflictError(f"{len(rows)} rows of {view.name} kept changing while they were written; write them again")
