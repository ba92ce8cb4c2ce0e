"""Two rankers in one list."""

from itertools import cycle

import numpy as np
import pytest

from experimentation.interleaving import preference, team_draft


def test_a_draft_by_hand() -> None:
    coins = cycle([True, False])
    drafted = team_draft(["x", "y", "z"], ["y", "x", "w"], 4, lambda: next(coins))
    assert drafted == [("x", "a"), ("y", "b"), ("w", "b"), ("z", "a")]


def test_short_or_equal_rankings_never_repeat_an_item() -> None:
    assert team_draft(["x"], ["x"], 5, lambda: False) == [("x", "b")]
    assert team_draft([], ["x", "y"], 5, lambda: True) == [("x", "b"), ("y", "b")]
    assert len(team_draft(range(9), range(9), 3, lambda: True)) == 3


def test_a_preference_by_hand_and_its_interval() -> None:
    found = preference(np.array([1.0, 0.0, 0.0, 2.0]), np.array([1.0, 2.0, 0.0, 0.0]), expected_users=100)
    assert (found.preference, found.users) == (0.0, 3)
    generator = np.random.default_rng(4)
    clicks = generator.binomial(3, 0.4, 3000).astype(np.float64)
    to_b = generator.binomial(clicks.astype(int), 0.6).astype(np.float64)
    better = preference(clicks - to_b, to_b, expected_users=2000)
    assert better.preference == pytest.approx(0.2, abs=0.05)
    assert better.interval[0] > 0
    assert better.interval[0] < better.fixed_interval[0]
    assert preference(to_b, clicks - to_b, expected_users=2000).interval[1] < 0


def test_without_clicks_nobody_is_preferred() -> None:
    found = preference(np.zeros(5), np.zeros(5), expected_users=100)
    assert (found.preference, found.interval, found.p_value) == (0.0, (-1.0, 1.0), 1.0)
