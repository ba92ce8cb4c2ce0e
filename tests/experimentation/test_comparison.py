"""The whole comparison on users whose truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from experimentation.comparison import looks
from experimentation.users import Users


def world(seed: int, users: int, lift: float) -> Users:
    """Heavy-tailed users who all come on day 0, half in each arm; the past predicts a part of what they do."""
    generator = np.random.default_rng(seed)
    rate, activity = generator.beta(2, 18, users), np.exp(generator.normal(2, 0.5, users))
    arm = (generator.random(users) < 0.5).astype(np.int16)
    shown, before = generator.poisson(activity) + 1, generator.poisson(activity * 4)
    clicks = generator.binomial(shown, np.minimum(rate * (1 + lift * arm), 1))
    nothing = np.zeros(users)
    before_clicks = generator.binomial(before, rate)
    return Users(
        arm=arm,
        day=np.zeros(users, np.int32),
        impressions=shown.astype(np.float64),
        clicks=clicks.astype(np.float64),
        converted=nothing,
        conversions=nothing,
        revenue=nothing,
        before_impressions=before.astype(np.float64),
        before_clicks=before_clicks.astype(np.float64),
        phase=np.zeros(users, np.int16),
        cohort=np.full(users, -1, np.int16),
    )


def test_both_tests_keep_their_size_and_cuped_narrows_the_interval_without_moving_it() -> None:
    declared, fixed, width, plain_width, effects = 0, 0, [], [], []
    for seed in range(400):
        users = world(seed, 1500, 0.0)
        with_past, without = (
            looks(users, "ctr", 1, [1], window_days=1, alpha=0.05, expected_users=1500, cuped=cuped)[0]
            for cuped in (True, False)
        )
        declared += not with_past.interval[0] <= 0 <= with_past.interval[1]
        fixed += with_past.fixed_p_value < 0.05
        width.append(with_past.interval[1] - with_past.interval[0])
        plain_width.append(without.interval[1] - without.interval[0])
        effects.append(with_past.effect)
    assert declared <= 0.05 * 400
    assert 0.02 * 400 <= fixed <= 0.08 * 400
    assert np.mean(width) < 0.9 * np.mean(plain_width)
    assert abs(np.mean(effects)) < 3 * np.std(effects) / math.sqrt(400)


def test_a_true_difference_is_found_and_covered() -> None:
    found = looks(world(1, 30_000, 0.2), "ctr", 1, [1], window_days=1, alpha=0.05, expected_users=30_000)[0]
    assert found.interval[0] > 0
    assert found.interval[0] <= 0.02 <= found.interval[1]
    assert found.p_value < 0.001
    assert found.lift_interval[0] <= 0.2 <= found.lift_interval[1]


def test_too_few_users_or_an_open_window_give_no_interval() -> None:
    users = world(1, 1000, 0.0)
    assert not looks(users, "ctr", 1, [1], window_days=2, alpha=0.05, expected_users=1000)[0].ready
    thin = users.take(np.arange(1000) < 150)
    assert not looks(thin, "ctr", 1, [1], window_days=1, alpha=0.05, expected_users=1000)[0].ready


def test_phases_are_strata_so_that_a_chance_imbalance_between_them_does_not_count() -> None:
    # Phase 1 clicks five times as often, and by bad luck the variant has more of its users: no lift in either.
    generator = np.random.default_rng(3)
    phase = np.repeat([0, 1], [4000, 4000]).astype(np.int16)
    arm = (generator.random(8000) < np.where(phase == 1, 0.55, 0.45)).astype(np.int16)
    clicks = generator.binomial(10, np.where(phase == 1, 0.25, 0.05)).astype(np.float64)
    nothing = np.zeros(8000)
    day = np.zeros(8000, np.int32)
    users = Users(arm, day, nothing + 10, clicks, nothing, nothing, nothing, nothing, nothing, phase, phase)
    pooled = replace(users, phase=np.zeros(8000, np.int16))
    found, misled = (
        looks(one, "ctr", 1, [1], window_days=1, alpha=0.05, expected_users=8000)[0] for one in (users, pooled)
    )
    assert misled.interval[0] > 0
    assert found.interval[0] <= 0 <= found.interval[1]
    assert found.variance_reduction == pytest.approx(0.46, abs=0.03)  # .01 between the phases of .02175 in all
