"""What is rising: actions of all users on an item, each halved every ``HALF_LIFE_DAYS``.

Forward decay (Cormode et al., ICDE 2009): an action at time t within a UTC day that began at d adds the whole number
``round(UNIT * 2 ** ((t - d) / half-life))`` to the item's counter of that day, and reading divides by
``UNIT * 2 ** ((now - d) / half-life)``. Adding whole numbers is exact in every order, nothing has to be rescaled, and a
day's counters can expire on their own. Counters are kept for each partition with the offset up to which it was counted,
so that every counter has one writer and a redelivery is not counted again; reading sums the partitions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from feature_repo.activity import DAY_MS, Happening

HALF_LIFE_DAYS = 2.0
"""The half-life of a release's ``trending.npy``, so that the two agree."""

KEPT_DAYS = 15
"""Days that count; what is left of an older action is below a hundredth."""

UNIT = 1 << 20

DayCounts = Mapping[int, Mapping[str, int]]
"""Days since 1970-01-01 → item id → whole-number weight."""


@dataclass(frozen=True, slots=True)
class PartitionTrending:
    """The counters of one partition; ``offset`` is that of the last event counted, -1 before the first."""

    counts: DayCounts = field(default_factory=dict)
    offset: int = -1


INITIAL = PartitionTrending()


def weight(happening: Happening) -> tuple[int, str, int]:
    """What an action adds: day, item id and whole-number weight."""
    day, within = divmod(happening.time_ms, DAY_MS)
    return day, happening.item_id, round(UNIT * 2.0 ** (within / DAY_MS / HALF_LIFE_DAYS))


def fold(state: PartitionTrending, happening: Happening) -> PartitionTrending:
    """The state after one more event; an event at or before the offset was counted already and changes nothing."""
    if happening.offset <= state.offset:
        return state
    day, item_id, amount = weight(happening)
    counts = dict(state.counts)
    items = dict(counts.get(day, {}))
    items[item_id] = items.get(item_id, 0) + amount
    counts[day] = items
    return PartitionTrending(counts, happening.offset)


def scores(partitions: Iterable[DayCounts], now: float) -> dict[str, float]:
    """Item id → decayed number of actions at ``now`` (epoch seconds), summed over partitions."""
    total: dict[str, float] = {}
    for counts in partitions:
        for day, items in counts.items():
            scale = 2.0 ** ((day - now * 1000 / DAY_MS) / HALF_LIFE_DAYS) / UNIT
            for item_id, amount in items.items():
                total[item_id] = total.get(item_id, 0.0) + amount * scale
    return total


def kept_days(now: float) -> range:
    """The days whose counters count at ``now``, epoch seconds; a day more ahead for clocks that differ."""
    today = int(now * 1000 // DAY_MS)
    return range(today - KEPT_DAYS + 1, today + 2)
