"""What is kept online for each partition: how far it was applied, and its trending counters with their own offset.

A batch is written in this order: trending counters with their offset (one script), then the users, then whose vectors
are behind by now, then the mark. A crash, or a Redis that lost its last writes, leaves a prefix of that, and the mark
says where to go on: events behind it are folded again, which changes no user, and counters skip what their offset
covers. The mark moves only from where its writer left it: were it moved over a Redis that has fallen back since the
users were written, nobody would fold their events again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import redis

from feature_repo import trending
from feature_repo.activity import Happening
from feature_repo.redis_reader import trending_key

KEPT_SECONDS = (trending.KEPT_DAYS + 2) * 86400
"""How long a day's counters live in Redis after their last change."""

_COUNT = b"""
local counted = redis.call('HGET', KEYS[1], 'counted')
if (counted or '-1') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'counted', ARGV[2])
local at = 4
for i = 2, #KEYS do
  local items = tonumber(ARGV[at])
  for j = at + 1, at + 2 * items, 2 do redis.call('HINCRBY', KEYS[i], ARGV[j], ARGV[j + 1]) end
  redis.call('EXPIRE', KEYS[i], ARGV[3])
  at = at + 2 * items + 1
end
return 1
"""

_MOVE = b"""
local applied, counted = unpack(redis.call('HMGET', KEYS[1], 'applied', 'counted'))
if (applied or '') ~= ARGV[1] or (counted or '-1') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'applied', ARGV[3])
return 1
"""


def partition_key(project: str, partition: int) -> bytes:
    """The hash with ``applied`` (the next offset to apply) and ``counted`` (the last one counted)."""
    return f"stream:{{{project}:{partition}}}".encode()


def waiting_key(project: str, partition: int) -> bytes:
    """The set of users whose vectors are behind their state."""
    return f"waiting:{{{project}:{partition}}}".encode()


@dataclass(frozen=True, slots=True)
class PartitionMark:
    """``applied`` is the next offset to apply, None before the first; ``counted`` the last counted, -1 before it."""

    applied: int | None = None
    counted: int = -1


def read_marks(client: "redis.Redis[bytes]", partitions: Sequence[int], *, project: str) -> dict[int, PartitionMark]:
    """The marks of partitions in one round trip."""
    pipe = client.pipeline(transaction=False)
    for partition in partitions:
        pipe.hmget(partition_key(project, partition), ("applied", "counted"))
    return {
        partition: PartitionMark(None if applied is None else int(applied), -1 if counted is None else int(counted))
        for partition, (applied, counted) in zip(partitions, pipe.execute(), strict=True)
    }


@dataclass(frozen=True, slots=True)
class Progress:
    """What moves a partition on: the next offset to apply (None: as it is), users whose vectors are behind from now
    on, and users whose vectors came up to date."""

    applied: int | None = None
    waiting: Collection[str] = ()
    done: Collection[str] = ()


def write_progress(
    client: "redis.Redis[bytes]",
    moved: Mapping[int, Progress],
    held: Mapping[int, PartitionMark],
    *,
    project: str,
) -> list[int]:
    """Moves partitions on, after everything before their marks was written.

    ``held`` are the marks as the caller left them; a partition without one has none yet. Returns the partitions whose
    marks stand elsewhere and were not moved.
    """
    move = client.register_script(_MOVE)
    pipe = client.pipeline(transaction=False)
    asked = []
    for partition, progress in moved.items():
        if progress.done:
            pipe.srem(waiting_key(project, partition), *progress.done)
        if progress.waiting:
            pipe.sadd(waiting_key(project, partition), *progress.waiting)
        if progress.applied is not None:
            mark = held.get(partition, PartitionMark())
            before = "" if mark.applied is None else mark.applied
            move([partition_key(project, partition)], [before, mark.counted, progress.applied], pipe)
            asked.append((len(pipe) - 1, partition))
    replies = pipe.execute()
    return [partition for at, partition in asked if not replies[at]]


def read_waiting(client: "redis.Redis[bytes]", partition: int, *, project: str) -> list[str]:
    """The users of a partition whose vectors are behind."""
    return [member.decode() for member in client.sscan_iter(waiting_key(project, partition), count=1000)]


@dataclass
class TrendingDelta:
    """What a batch adds to one partition's counters: day → item id → whole-number weight, up to ``offset``."""

    offset: int
    counts: dict[int, dict[str, int]] = field(default_factory=dict)

    def add(self, happenings: Iterable[Happening]) -> None:
        """Adds events that were not counted yet."""
        for happening in happenings:
            day, item_id, amount = trending.weight(happening)
            items = self.counts.setdefault(day, {})
            items[item_id] = items.get(item_id, 0) + amount


def write_trending(
    client: "redis.Redis[bytes]", deltas: Mapping[int, TrendingDelta], counted: Mapping[int, int], *, project: str
) -> bool:
    """Adds each partition's delta if its counters still stand at ``counted``. False when one of them does not."""
    script = client.register_script(_COUNT)
    pipe = client.pipeline(transaction=False)
    for partition, delta in deltas.items():
        days = sorted(delta.counts)
        keys = [partition_key(project, partition), *(trending_key(project, partition, day) for day in days)]
        arguments: list[bytes | str | int] = [counted[partition], delta.offset, KEPT_SECONDS]
        for day in days:
            arguments.append(len(delta.counts[day]))
            for item_id, amount in delta.counts[day].items():
                arguments += [item_id, amount]
        script(keys, arguments, pipe)
    return all(pipe.execute())
