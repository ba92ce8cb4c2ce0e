"""What a user has met: every (item, action) with the last UTC day of it, capped, for the rules that hide items.

The state is the set of the ``SEEN_LENGTH`` greatest entries by (day, item, action), after each (item, action) has kept
its latest day: the same in every order of events, whatever is repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feature_repo.activity import DAY_MS, Happening
from feature_repo.online import Value

SEEN_LENGTH = 500
"""Entries kept for a user. The oldest days go first."""


@dataclass(frozen=True, slots=True)
class UserSeen:
    """``days`` maps (item id, action code) to days since 1970-01-01; never mutated after it is built."""

    days: Mapping[tuple[str, int], int] = field(default_factory=dict)


INITIAL = UserSeen()


def fold(state: UserSeen, happening: Happening) -> UserSeen:
    """The state after one more event. Returns ``state`` itself where the event changes nothing."""
    met = (happening.item_id, happening.action)
    day = happening.time_ms // DAY_MS
    held = state.days.get(met)
    if held is not None and held >= day:
        return state
    days = dict(state.days)
    days[met] = day
    if len(days) > SEEN_LENGTH:
        oldest = min(days, key=lambda entry: (days[entry], entry))
        if oldest == met and met not in state.days:
            return state
        del days[oldest]
    return UserSeen(days)


def merge(one: UserSeen, other: UserSeen) -> UserSeen:
    """The state that both sets of events together give."""
    for (item_id, action), day in other.days.items():
        one = fold(one, Happening(day * DAY_MS, 0, item_id, action))
    return one


def to_features(state: UserSeen) -> dict[str, Value]:
    """Every field of the view ``user_seen``, earliest day first."""
    entries = sorted((day, item_id, action) for (item_id, action), day in state.days.items())
    return {
        "seen_items": [entry[1] for entry in entries],
        "seen_actions": [entry[2] for entry in entries],
        "seen_days": [entry[0] for entry in entries],
    }


def from_features(values: Mapping[str, Any]) -> UserSeen:
    """The state behind a row of ``user_seen``; INITIAL where the row is missing (values None)."""
    if values["seen_items"] is None:
        return INITIAL
    met = zip(values["seen_items"], values["seen_actions"], strict=True)
    return UserSeen(dict(zip(met, values["seen_days"], strict=True)))
