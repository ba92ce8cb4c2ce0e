"""A user's recent actions: how an event changes them and how they become numbers.

The state is the set of the ``HISTORY_LENGTH`` greatest actions by (event time, event key): a late event takes its
place, ties fall the same way in every order, and inserting what is there changes nothing. Such a set is the same after
any permutation, duplication or redelivery of its events, so neither a rebalance nor a crash can be seen in it. All
counters are computed from the set, never added up.

Events are told apart by ``event_key``; the window that absorbs repeated event ids is the set itself (an event that is
older than all of a full window is left out, whether new or repeated).
"""

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

import mmh3

from contracts.events import ACTION_CODES, Action, Event
from contracts.release import HISTORY_LENGTH
from feature_repo.online import Value

SESSION_GAP_MS = 30 * 60 * 1000
"""A pause longer than this ends a session."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
KEY_MASK = (1 << 63) - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def event_key(event_id: str) -> int:
    """63 bits of murmur3 over the event's id: two of a window's 100 collide once in 10^15 windows."""
    return int(mmh3.hash64(event_id, signed=False)[0]) & KEY_MASK


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds, rounded down; exact (no floating point)."""
    return (moment - EPOCH) // MILLISECOND


class Happening(NamedTuple):
    """One event as the folds read it; sorts by time, then key. ``partition`` and ``offset`` are -1 off the stream."""

    time_ms: int
    event_key: int
    item_id: str
    action: int
    partition: int = -1
    offset: int = -1

    @classmethod
    def of(cls, event: Event, partition: int = -1, offset: int = -1) -> "Happening":
        """The happening that an event reports."""
        return cls(
            milliseconds(event.timestamp),
            event_key(event.event_id),
            event.item_id,
            ACTION_CODES[event.action],
            partition,
            offset,
        )


class Act(NamedTuple):
    """One action of the history. ``action`` is a code of ACTION_CODES."""

    time_ms: int
    event_key: int
    item_id: str
    action: int


_KEY = attrgetter("event_key")


@dataclass(frozen=True, slots=True)
class UserActivity:
    """At most HISTORY_LENGTH actions, oldest first, and the place in the stream of the last event applied."""

    acts: tuple[Act, ...] = ()
    partition: int = -1
    offset: int = -1


INITIAL = UserActivity()


def fold(state: UserActivity, *happenings: Happening) -> UserActivity:
    """The state after more events, one or many at once. Returns ``state`` itself where they change nothing.

    Two events of one id are one event: that with the greater (time, item, action) stays, in any order of arrival.
    """
    acts = _including(state.acts, [Act(*happening[:4]) for happening in happenings])
    held = (state.partition, state.offset)
    place = max([held, *((happening.partition, happening.offset) for happening in happenings)])
    return state if acts is state.acts and place == held else UserActivity(acts, *place)


def _including(acts: tuple[Act, ...], more: Sequence[Act]) -> tuple[Act, ...]:
    """The greatest HISTORY_LENGTH of both, one of each event key; ``acts`` itself where ``more`` brings nothing."""
    full, changed = len(acts) >= HISTORY_LENGTH, False
    of_key, kept = {act.event_key: act for act in acts}, list(acts)
    for act in more:
        held = of_key.get(act.event_key)
        if (full and act < acts[0]) or (held is not None and held >= act):
            continue
        if held is not None:
            kept.remove(held)
        insort(kept, act)
        of_key[act.event_key] = act
        changed = True
    return tuple(kept[-HISTORY_LENGTH:]) if changed else acts


def contains(state: UserActivity, happening: Happening) -> bool:
    """Whether the event is no news: its id stands in the window, or it is older than all of a full window."""
    if len(state.acts) >= HISTORY_LENGTH and Act(*happening[:4]) < state.acts[0]:
        return True
    return happening.event_key in map(_KEY, state.acts)


def counters(state: UserActivity) -> dict[str, float]:
    """Session and short-term counters as of the last action (fields of the view ``user_activity``), zeros before it."""
    times, _, _, actions = _columns(state)
    now = times[-1] if times else 0
    start = len(times) - 1
    while start > 0 and times[start] - times[start - 1] <= SESSION_GAP_MS:
        start -= 1
    day = actions[bisect_left(times, now - DAY_MS) :]
    return {
        "session_actions": float(len(times) - max(start, 0)),
        "session_seconds": (now - times[start]) / 1000 if times else 0.0,
        "actions_1h": float(len(times) - bisect_left(times, now - HOUR_MS)),
        "actions_24h": float(len(day)),
        "clicks_24h": float(day.count(ACTION_CODES[Action.CLICK])),
        "purchases_24h": float(day.count(ACTION_CODES[Action.PURCHASE])),
    }


def _columns(state: UserActivity) -> tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...], tuple[int, ...]]:
    """Times, event keys, items and actions."""
    return tuple(zip(*state.acts, strict=True)) or ((), (), (), ())  # type: ignore[return-value]


def to_features(state: UserActivity) -> dict[str, Value]:
    """Every field of the view ``user_activity``."""
    times, keys, items, actions = _columns(state)
    return {
        "items": list(items),
        "actions": list(actions),
        "times_ms": list(times),
        "event_keys": list(keys),
        "partition": state.partition,
        "offset": state.offset,
        **counters(state),
    }


STATE_FIELDS = ("items", "actions", "times_ms", "event_keys", "partition", "offset")
"""The fields of ``user_activity`` that hold the state; the others are computed from it."""


def from_features(values: Mapping[str, Any]) -> UserActivity:
    """The state behind STATE_FIELDS of ``user_activity``; INITIAL where the row is missing (values None)."""
    if values["items"] is None:
        return INITIAL
    columns = zip(values["times_ms"], values["event_keys"], values["items"], values["actions"], strict=True)
    return UserActivity(tuple(map(Act._make, columns)), values["partition"], values["offset"])
