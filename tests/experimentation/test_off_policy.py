"""Off-policy estimates against a world whose answer is known, and by hand."""

import numpy as np
import pytest

from experimentation.off_policy import Drawn, estimate

ITEMS, WORTH = 20, np.linspace(0.02, 0.4, 20)
"""Chance of a click on each item; the logs draw it evenly."""


def drawn(seed: int, slots: int, policy: range, guess: float = 1.0) -> Drawn:
    """Slots of users who come three times; the judged policy draws evenly from ``policy``. ``guess`` scales the truth
    as the guess of the rewards."""
    generator = np.random.default_rng(seed)
    item = generator.integers(0, ITEMS, slots)
    target = np.isin(item, policy) / len(policy)
    reward = (generator.random(slots) < WORTH[item]).astype(np.float64)
    believed = np.full(slots, guess * WORTH[list(policy)].mean())
    return Drawn(np.arange(slots) // 3, np.full(slots, 1 / ITEMS), target, reward, guess * WORTH[item], believed)


def test_four_slots_by_hand_a_hundred_times() -> None:
    # π/p = 2, 2, 0, 0: rewards 1, 0, 1, 0 give IPS 2/4, SNIPS 2/4; the guess .5 everywhere gives
    # .5 + (2·.5 + 2·(−.5) + 0 + 0)/4 = .5. Effective: (4·100)² / (8·100) = 200.
    rows = [np.tile(one, 100) for one in ([0.25] * 4, [0.5, 0.5, 0, 0], [1.0, 0, 1, 0], [0.5] * 4, [0.5] * 4)]
    found = estimate(Drawn(np.arange(400), *rows), seed=1)
    assert (found.slots, found.effective, found.logged) == (400, 200.0, 0.5)
    values = (found.ips, found.snips, found.doubly_robust)
    assert [value.mean for value in values if value] == [0.5, 0.5, 0.5]


def test_all_three_find_the_truth_and_their_intervals_hold_it() -> None:
    policy = range(15, 20)
    truth = WORTH[list(policy)].mean()
    hits = np.zeros(3)
    for seed in range(50):
        found = estimate(drawn(seed, 3000, policy), seed)
        values = [value for value in (found.ips, found.snips, found.doubly_robust) if value]
        assert all(value.mean == pytest.approx(truth, abs=0.12) for value in values)
        hits += [value.lower <= truth <= value.upper for value in values]
    assert (hits >= 43).all()


def test_a_bad_guess_leaves_the_doubly_robust_estimate_unbiased_and_a_good_one_makes_it_steadier() -> None:
    policy = range(15, 20)
    truth = WORTH[list(policy)].mean()
    spread = {}
    for guess in (0.0, 1.0, 4.0):
        values = [one.doubly_robust for seed in range(60) if (one := estimate(drawn(seed, 900, policy, guess), 1))]
        means = [value.mean for value in values if value]
        spread[guess] = np.std(means)
        assert np.mean(means) == pytest.approx(truth, abs=4 * spread[guess] / np.sqrt(60))
    assert spread[1.0] < spread[0.0] < spread[4.0]


def test_below_a_hundred_effective_slots_nothing_is_estimated() -> None:
    found = estimate(drawn(1, 200, range(19, 20)), seed=1)
    assert 0 < found.effective < 100
    assert (found.ips, found.snips, found.doubly_robust) == (None, None, None)
    empty = np.empty(0)
    nothing = estimate(Drawn(np.empty(0, np.int64), empty, empty, empty, empty, empty), seed=1)
    assert (nothing.slots, nothing.effective, nothing.logged) == (0, 0.0, None)
