"""Every statistic against an example worked out by hand, another implementation, or a simulation."""

import math

import numpy as np
import pytest
from scipy.stats import chisquare, norm, ttest_ind

from contracts.errors import InvalidInputError
from experimentation.cuped import adjust, covariates
from experimentation.mismatch import CONCENTRATION, sample_ratio
from experimentation.power import plan
from experimentation.ratio import difference, ratio
from experimentation.sequence import half_width, p_value, tuning


def test_the_ratio_of_three_users_by_hand() -> None:
    # clicks 1, 2, 3 of 10, 10, 20 impressions: R = 6/40. ψ = (x − .15 y) / (40/3): −.0375, .0375, 0.
    found = ratio(np.array([1.0, 2.0, 3.0]), np.array([10.0, 10.0, 20.0]))
    assert found.value == pytest.approx(0.15)
    assert found.influence == pytest.approx([-0.0375, 0.0375, 0.0])
    assert found.variance == pytest.approx((2 * 0.0375**2 / 2) / 3)


def test_the_delta_method_is_the_textbook_formula() -> None:
    generator = np.random.default_rng(2)
    shown = generator.poisson(20, 500).astype(np.float64) + 1
    clicked = generator.binomial(shown.astype(int), 0.1).astype(np.float64)
    covariance = np.cov(clicked, shown)
    mean_x, mean_y = clicked.mean(), shown.mean()
    textbook = (
        covariance[0, 0] / mean_y**2
        - 2 * mean_x * covariance[0, 1] / mean_y**3
        + mean_x**2 * covariance[1, 1] / mean_y**4
    ) / 500
    assert ratio(clicked, shown).variance == pytest.approx(textbook)


def test_a_mean_per_user_gives_welchs_test() -> None:
    generator = np.random.default_rng(3)
    one, two = generator.normal(1, 1, 400), generator.normal(1.2, 2, 300)
    found = difference(ratio(two, np.ones(300)), ratio(one, np.ones(400)))
    assert found.effect / found.standard_error == pytest.approx(ttest_ind(two, one, equal_var=False).statistic)
    assert found.lift == pytest.approx(two.mean() / one.mean() - 1)


def test_nothing_shown_gives_no_ratio_and_no_lift() -> None:
    empty = ratio(np.zeros(3), np.zeros(3))
    assert (empty.value, empty.variance) == (0.0, 0.0)
    assert difference(ratio(np.ones(3), np.ones(3)), empty).lift == 0.0


def test_the_sequence_is_that_of_the_paper() -> None:
    # Waudby-Smith et al. (2024), Theorem 2.2 at n = 100, ρ² = .1, α = .05, σ = 1: nρ² = 10,
    # sqrt(2 · 11 / (100² · .1) · log(sqrt(11) / .05)).
    expected = math.sqrt(2 * 11 / (100**2 * 0.1) * math.log(math.sqrt(11) / 0.05))
    assert half_width(1 / math.sqrt(100), 100, 0.1, 0.05) == pytest.approx(expected)
    assert half_width(1.0, 0, 0.1, 0.05) == math.inf


def test_the_tuning_is_the_best_there_is() -> None:
    best = half_width(1.0, 5000, tuning(5000, 0.05), 0.05)
    others = [half_width(1.0, 5000, tuning(5000, 0.05) * factor, 0.05) for factor in (0.3, 0.7, 1.4, 3.0)]
    assert best < min(others)
    assert best == pytest.approx(min(half_width(1.0, 5000, r, 0.05) for r in np.geomspace(1e-4, 1e-1, 2000)), rel=1e-3)


@pytest.mark.parametrize("z", [0.5, 2.0, 3.5, 6.0])
def test_the_p_value_is_where_the_interval_touches_zero(z: float) -> None:
    found = p_value(z, 1.0, 1000, 0.01)
    if found < 1:
        assert half_width(1.0, 1000, 0.01, found) == pytest.approx(z)
    else:
        assert half_width(1.0, 1000, 0.01, 0.999) > z


def test_looking_a_hundred_times_errs_no_more_than_it_says() -> None:
    generator = np.random.default_rng(5)
    walks = generator.normal(size=(1500, 4000)).cumsum(axis=1)
    rho_squared, wrong, peeked = tuning(2000, 0.05), np.zeros(1500, bool), np.zeros(1500, bool)
    for n in range(100, 4001, 39):
        mean = walks[:, n - 1] / n
        wrong |= np.abs(mean) > half_width(1 / math.sqrt(n), n, rho_squared, 0.05)
        peeked |= np.abs(mean) > norm.ppf(0.975) / math.sqrt(n)
    assert wrong.mean() <= 0.05
    assert peeked.mean() > 0.2


def test_cuped_takes_out_the_share_that_the_covariate_explains() -> None:
    # The influence is before + noise with equal variances: half the variance goes, the estimate stays.
    generator = np.random.default_rng(7)
    before = generator.normal(size=20_000)
    arms = [ratio(10 + before + generator.normal(size=20_000), np.ones(20_000)) for _ in range(2)]
    adjusted, reduction = adjust(arms, [before[:, None], before[:, None]])
    assert reduction == pytest.approx(0.5, abs=0.02)
    assert adjusted[0].variance == pytest.approx(arms[0].variance / 2, rel=0.05)
    assert difference(adjusted[1], adjusted[0]).effect == pytest.approx(difference(arms[1], arms[0]).effect, abs=1e-9)


def test_cuped_without_a_past_changes_nothing() -> None:
    arms = [ratio(np.arange(5.0), np.ones(5)), ratio(np.arange(5.0), np.ones(5))]
    adjusted, reduction = adjust(arms, [covariates(np.zeros(5), np.zeros(5))] * 2)
    assert (reduction, adjusted) == (0.0, arms)


def test_new_users_have_an_indicator_and_clicks_are_linearised() -> None:
    found = covariates(np.array([2.0, 0.0, 0.0]), np.array([10.0, 10.0, 0.0]))
    assert found.tolist() == [[1.0, 10.0, 0.0], [-1.0, 10.0, 0.0], [0.0, 0.0, 1.0]]


def test_sample_ratio_by_hand_and_against_chi_square() -> None:
    # Beta(50, 50) prior, one look at 2 of 2 users in arm 0: (50 · 51) / (100 · 101) / .25.
    bayes = (50 * 51) / (100 * 101) / 0.25
    assert CONCENTRATION == 100
    assert sample_ratio([[2, 0]], (0.5, 0.5)).p_value == pytest.approx(1 / bayes)
    found = sample_ratio([[5100, 4900]], (0.5, 0.5))
    assert found.fixed_p_value == pytest.approx(chisquare([5100, 4900]).pvalue)


def test_a_broken_split_is_found_and_stays_found_while_fair_ones_are_left_alone() -> None:
    assert not sample_ratio([[51_000, 49_000]], (0.5, 0.5)).ok
    assert not sample_ratio([[600, 400], [100_600, 100_400]], (0.5, 0.5)).ok
    generator, alarms = np.random.default_rng(1), 0
    for _ in range(400):
        new = generator.multinomial(3000, (0.2, 0.3, 0.5), size=14)
        alarms += not sample_ratio(new.cumsum(axis=0), (0.2, 0.3, 0.5)).ok
    assert alarms <= 8
    assert sample_ratio(np.zeros((0, 2), np.int64), (0.5, 0.5)).ok


def test_the_plan_is_the_textbook_sample_size() -> None:
    # Rule of thumb 16 σ²/δ² per arm (80 % power): p = .1, lift .1 → 16 · .09 / .0001 = 14,400; exactly 15.70.
    found = plan(baseline=0.1, lift=0.1, deviation=0.3, users_per_day=1000, window_days=7)
    assert found.fixed_users == pytest.approx(2 * 15.698 * 0.09 / 0.0001, rel=1e-3)
    assert found.days_fixed == math.ceil(found.fixed_users / 1000) + 7
    assert 1.5 < found.inflation < 2.2
    assert plan(baseline=0.1, lift=0.0001, deviation=0.3, users_per_day=1, window_days=7).days_fixed is None


@pytest.mark.parametrize("wrong", [{"baseline": 0.0}, {"lift": 0.0}, {"users_per_day": -1.0}, {"power": 1.0}])
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    good = {"baseline": 0.1, "lift": 0.05, "deviation": 0.3, "users_per_day": 100.0}
    with pytest.raises(InvalidInputError):
        plan(window_days=7, **(good | wrong))
