"""Writes rows as Feast lays them out. Many writers may write one row: what is there is compared within Redis first.

Feast compares in the client between a read and a write, which two writers can pass at once. Here a Lua script compares
and sets: a state is written only over the version that its writer saw, a plain row only over an earlier one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import redis

from contracts.clock import Clock
from feature_repo.online import PROJECT, OnlineView, Value
from feature_repo.redis_layout import encode_entity_key, encode_row, encode_version, timestamp_field

_OVER_WHAT_WAS_SEEN = b"""
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
"""

_OVER_WHAT_IS_EARLIER = b"""
local function moment(stamp)  -- seconds and nanoseconds of a protobuf Timestamp: tags 1 and 2, varints, absent is zero
  local parts, at = {0, 0}, 1
  while at <= #stamp do
    local tag, value, scale, byte = math.floor(stamp:byte(at) / 8), 0, 1, 0
    repeat
      at = at + 1
      byte = stamp:byte(at)
      value = value + byte % 128 * scale
      scale = scale * 128
    until byte < 128
    parts[tag] = value
    at = at + 1
  end
  return parts[1], parts[2]
end
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held then
  local held_seconds, held_nanos = moment(held)
  local seconds, nanos = moment(ARGV[2])
  if seconds < held_seconds or (seconds == held_seconds and nanos <= held_nanos) then return 0 end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
"""


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
    """Performs each write or leaves it, in two round trips at most; says which were done.

    Raises redis.RedisError, also when Redis refuses a write because it is full.
    """
    script = client.register_script(_OVER_WHAT_WAS_SEEN)
    pipe = client.pipeline(transaction=False)
    for write in writes:
        script([write.key], [write.guard, write.expected, *chain.from_iterable(write.fields.items())], pipe)
    return [bool(done) for done in pipe.execute()]


def write_rows(
    client: "redis.Redis[bytes]",
    view: OnlineView,
    rows: Iterable[tuple[Mapping[str, str], Mapping[str, Value], int]],
    *,
    project: str = PROJECT,
    batch: int = 1000,
) -> int:
    """Writes rows (entity, values, version) in bulk with Feast's rule: only what is strictly later is written.

    Returns the number written. Raises redis.RedisError.
    """
    script, guard = client.register_script(_OVER_WHAT_IS_EARLIER), timestamp_field(view.name)
    written = 0
    iterator = iter(rows)
    while chunk := list(islice(iterator, batch)):
        pipe = client.pipeline(transaction=False)
        for entity, values, version in chunk:
            fields = chain.from_iterable(encode_row(view, values, version).items())
            script([encode_entity_key(project, entity)], [guard, encode_version(version), *fields], pipe)
        written += sum(pipe.execute())
    return written
