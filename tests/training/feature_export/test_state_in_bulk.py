"""The state that a bulk load builds at once is the one that the stream's folds reach."""

import random

import pytest

from feature_repo import activity, seen
from feature_repo.activity import Happening
from feature_repo.redis_state import UserState
from feature_repo.seen import SEEN_LENGTH
from training.feature_export.activity import state_of


def folded(events: list[Happening]) -> UserState:
    """One event after the other, as the stream does."""
    state, met = activity.INITIAL, seen.INITIAL
    for event in events:
        state, met = activity.fold(state, event), seen.fold(met, event)
    return UserState(state, met)


def some_events(chance: random.Random, count: int, keys: int) -> list[Happening]:
    span = chance.choice([10, 10**10])
    return [
        Happening(
            chance.randrange(span),
            chance.randrange(keys),
            f"i{chance.randrange(60)}",
            chance.randint(1, 3),
            chance.randint(-1, 3),
            chance.randint(-1, 99),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("keys", [5, 10**12], ids=["repeated", "distinct"])
@pytest.mark.parametrize("count", [0, 1, 80, 300, SEEN_LENGTH + 20])
def test_events_in_any_order_give_the_state_of_the_folds(count: int, keys: int) -> None:
    chance = random.Random(count)
    for _ in range(5):
        events = some_events(chance, count, keys)
        assert state_of(events) == folded(events)


def test_days_stand_in_the_order_of_the_folds_where_events_come_in_time_order() -> None:
    events = sorted(some_events(random.Random(3), 300, 10**12))
    assert list(state_of(events).seen.days.items()) == list(folded(events).seen.days.items())
