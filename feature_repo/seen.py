"""What a user has met: every (item, action) with the last UTC day of it, capped, for the rules that hide items.

The state is the set of the ``SEEN_LENGTH`` greatest entries by (day, item, action), after each (item, action) has kept
its latest day: the same in every order of events, whatever is repeated (only entries of one day may stand in another
order).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from operator import itemgetter
from typing import Any

from feature_repo.activity import DAY_MS, Happening
from feature_repo.online import Value

SEEN_LENGTH = 500
"""Entries kept for a user. The oldest days go first."""


@dataclass(frozen=True, slots=True)
class UserSeen:
    """``days`` maps (item id, action code) to days since 1970-01-01, earliest first; never mutated once built."""

    days: Mapping[tuple[str, int], int] = field(default_factory=dict)


INITIAL = UserSeen()


def fold(state: UserSeen, *happenings: Happening) -> UserSeen:
    """The state after more events, one or many at once. Returns ``state`` itself where they change nothing."""
    days, late = dict(state.days), False
    for act in happenings:
        met, day = (act.item_id, act.action), act.time_ms // DAY_MS
        held = days.get(met)
        if held is not None and held >= day:
            continue
        days.pop(met, None)
        late = late or (bool(days) and day < next(reversed(days.values())))
        days[met] = day
    if late:
        days = dict(sorted(days.items(), key=itemgetter(1)))
    excess = len(days) - SEEN_LENGTH
    if excess > 0:
        last = next(islice(days.values(), excess - 1, None))
        early = takewhile(lambda entry: entry[1] <= last, days.items())
        for met, _ in sorted(early, key=itemgetter(1, 0))[:excess]:
            del days[met]
    return state if days == state.days else UserSeen(days)


def to_features(state: UserSeen) -> dict[str, Value]:
    """Every field of the view ``user_seen``, earliest day first."""
    items, actions = tuple(zip(*state.days, strict=True)) or ((), ())
    return {"seen_items": list(items), "seen_actions": list(actions), "seen_days": list(state.days.values())}


def from_features(values: Mapping[str, Any]) -> UserSeen:
    """The state behind a row of ``user_seen``; INITIAL where the row is missing (values None)."""
    if values["seen_items"] is None:
        return INITIAL
    met = zip(values["seen_items"], values["seen_actions"], strict=True)
    return UserSeen(dict(zip(met, values["seen_days"], strict=True)))
