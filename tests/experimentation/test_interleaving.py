"""Two rankers in one list."""

import math
from itertools import cycle, pairwise

import numpy as np
import pytest

from experimentation.interleaving import preference, preferences
from experimentation.team_draft import team_draft
from experimentation.users import Users

Values = np.ndarray[tuple[int], np.dtype[np.float64]]


def test_a_draft_by_hand() -> None:
    coins = [True, False]
    drafted = team_draft(["x", "y", "z"], ["y", "x", "w"], 4, lambda number: coins[number])
    assert drafted == [("x", 0), ("y", 1), ("w", 1), ("z", 0)]


def test_short_or_equal_rankings_never_repeat_an_item() -> None:
    assert team_draft(["x"], ["x"], 5, lambda _: False) == [("x", 1)]
    assert team_draft([], ["x", "y"], 5, lambda _: True) == [("x", 1), ("y", 1)]
    assert len(team_draft(range(9), range(9), 3, lambda _: True)) == 3


def test_equal_rankings_give_each_team_the_better_place_as_often() -> None:
    coins = cycle([True, False])
    first = [team_draft(range(10), range(10), 10, lambda _: next(coins))[0][1] for _ in range(40)]
    assert sum(first) == 20


def clicks(seed: int, users: int, to_second: float) -> tuple[Values, Values]:
    generator = np.random.default_rng(seed)
    total = generator.binomial(3, 0.4, users)
    second = generator.binomial(total, to_second).astype(np.float64)
    return total - second, second


def test_a_preference_by_hand_and_its_interval() -> None:
    # Four users who clicked: shares of the second team 0, 0, 1 and 1/2, so scores −1, −1, 1, 0.
    by_hand = preference(np.array([2.0, 1, 0, 1, 0] * 50), np.array([0.0, 0, 3, 1, 0] * 50), 0, alpha=0.05,
                         expected_users=200)  # fmt: skip
    assert (by_hand.effect, by_hand.users) == (-0.25, 200)
    assert (by_hand.control, by_hand.treatment) == (0.625, 0.375)
    assert by_hand.fixed_interval[1] + 0.25 == pytest.approx(
        1.96 * np.std([-1, -1, 1, 0] * 50, ddof=1) / 200**0.5, rel=1e-4
    )
    better = preference(*clicks(4, 3000, 0.6), 0, alpha=0.05, expected_users=2000)
    assert better.effect == pytest.approx(0.2, abs=0.05)
    assert 0 < better.interval[0] < better.fixed_interval[0]


def test_equal_rankers_are_told_apart_no_more_often_than_allowed_though_looked_at_every_day() -> None:
    wrong = 0
    for seed in range(300):
        first, second = clicks(seed, 1400, 0.5)
        day = np.repeat(np.arange(1400) // 100, 2).astype(np.int32)
        both, nothing = np.column_stack([first, second]).ravel(), np.zeros(2800)
        teams = np.tile([0, 1], 1400).astype(np.int16)
        users = Users(teams, day, nothing, both, nothing, nothing, nothing, nothing, nothing, teams, teams)
        found = preferences(users, range(14), window_days=1, alpha=0.05, expected_users=500)
        wrong += any(look.ready and not look.interval[0] <= 0 <= look.interval[1] for look in found)
        assert all(one.p_value >= other.p_value for one, other in pairwise(found))
    assert wrong <= 0.05 * 300


def test_without_clicks_nobody_is_preferred() -> None:
    found = preference(np.zeros(500), np.zeros(500), 0, alpha=0.05, expected_users=100)
    assert (found.effect, found.interval, found.p_value, found.ready) == (0.0, (-math.inf, math.inf), 1.0, False)
