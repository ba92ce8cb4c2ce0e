"""The tests are silent where nothing changed, as often as they promise, and loud where something did."""

import numpy as np
import pytest

from contracts.drift import DriftFigure, Measure, Section
from monitoring.calibration import ShownItems, learnable, reliability
from monitoring.comparing import ALPHA, judged
from monitoring.distances import category_counts, chi_squared, ks, psi, psi_of_counts
from monitoring.two_sample import classifier_test


def normal(rows: int, seed: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1.0, rows)


def figure(p_value: float | None, effect: float = 1.0, test: str | None = "a test") -> DriftFigure:
    return DriftFigure(
        section=Section.LABELS, name="one", measure=Measure.PSI, effect=effect, bar=0.2, test=test, p_value=p_value
    )


def shown(rows: int, seed: int, clicks: float = 1.0, moods: float = 0.0) -> ShownItems:
    """Items whose click rate follows score and position, times ``clicks``; 20 for each user, who clicks more or less by
    a mood of that deviation."""
    random = np.random.default_rng(seed)
    scores, positions = random.normal(size=rows), random.integers(1, 11, rows).astype(np.int32)
    users = np.arange(rows) // 20
    mood = random.normal(0, moods, rows)[users]
    chance = clicks / (1 + np.exp(2.5 - scores + 0.5 * np.log(positions) - mood))
    return ShownItems(scores, positions, (random.random(rows) < chance).astype(np.int8), users)


def test_psi_is_that_of_the_definition_and_finite_where_a_bin_is_empty() -> None:
    assert psi(normal(5000, 1), normal(5000, 2)) < 0.02
    assert psi(normal(5000, 1), normal(5000, 2, mean=1.0)) > 0.5
    expected = 0.3 * np.log(1.6) - 0.3 * np.log(0.4)
    assert psi_of_counts(np.array([500, 500]), np.array([800, 200])) == pytest.approx(expected, abs=0.01)
    many = np.random.default_rng(1).multinomial(300, np.full(100, 0.01), 2)
    assert psi_of_counts(many[0], many[1]) < 0.1
    assert np.isfinite(psi_of_counts(np.array([100, 0]), np.array([0, 100])))


def test_counts_with_many_ties_have_few_bins_and_no_alarm() -> None:
    one, two = (np.random.default_rng(seed).poisson(0.3, 3000).astype(float) for seed in (1, 2))
    assert psi(one, two) < 0.02
    assert psi(one, one + 1) > 1


def test_p_values_under_the_null_are_as_small_as_they_say() -> None:
    found = np.array([ks(normal(200, 2 * s), normal(200, 2 * s + 1)) for s in range(300)])
    assert (found < 0.1).mean() == pytest.approx(0.1, abs=0.05)
    assert ks(normal(500, 1), normal(500, 2, mean=0.5)) < 1e-6


def test_rare_categories_are_counted_together_and_absent_ones_not_at_all() -> None:
    table = category_counts(np.array([0] * 50 + [1, 2]), np.array([0] * 50 + [3]), kinds=9)
    assert table.tolist() == [[50, 2], [50, 1]]
    assert chi_squared(table) > 0.3
    assert chi_squared(np.array([[50], [60]])) == 1.0
    assert chi_squared(np.array([[50, 50], [90, 10]])) < 1e-6


def test_a_classifier_finds_what_no_single_column_shows_and_nothing_where_nothing_is() -> None:
    def table(seed: int, correlation: float) -> np.ndarray:
        first, second = np.random.default_rng(seed).normal(size=(2, 800)).astype(np.float32)
        return np.column_stack([first, correlation * first + np.sqrt(1 - correlation**2) * second]).astype(np.float32)

    turned = classifier_test(table(1, 0.9), table(2, -0.9), seed=3)
    assert turned.auc > 0.8
    assert turned.p_value < 1e-9
    null = [classifier_test(table(2 * s, 0.9), table(2 * s + 1, 0.9), seed=s).p_value for s in range(20)]
    assert min(null) > ALPHA
    assert np.median(null) == pytest.approx(0.5, abs=0.3)


def test_holm_corrects_for_all_tests_of_a_report() -> None:
    found = judged([figure(0.0004), figure(0.0006), figure(0.5)], alpha=0.0013)
    assert [f.p_adjusted for f in found] == pytest.approx([0.0012, 0.0012, 0.5])
    assert [f.breach for f in found] == [True, True, False]
    assert not judged([figure(0.0004), *(figure(0.9) for _ in range(4))], alpha=0.0013)[0].breach


def test_a_breach_is_certain_and_large() -> None:
    assert not judged([figure(0.0, effect=0.1)])[0].breach
    assert not judged([figure(0.01)])[0].breach
    assert judged([figure(0.0)])[0].breach


def test_what_is_not_tested_is_shown_and_never_breached() -> None:
    (found,) = judged([figure(None, test=None)])
    assert (found.breach, found.p_adjusted) == (False, None)


def test_scores_that_still_mean_the_same_are_calibrated_and_others_are_not() -> None:
    same, halved = reliability(shown(6000, 1), shown(6000, 2), 7), reliability(shown(6000, 1), shown(6000, 3, 0.5), 7)
    assert same.error / same.rate < 0.2
    assert same.p_value > 0.01
    assert halved.error / halved.rate > 0.5
    assert judged([figure(halved.p_value), *(figure(0.3) for _ in range(40))])[0].breach, (
        "beside a report's other tests"
    )
    assert halved.rows.sum() == 6000
    assert not learnable(ShownItems(np.zeros(3), np.ones(3, np.int32), np.zeros(3, np.int8), np.arange(3)))


@pytest.mark.parametrize("moods", [0.0, 1.5])
def test_a_calibration_that_holds_is_doubted_as_often_as_stated(moods: float) -> None:
    pairs = [(shown(3000, 2 * n, moods=moods), shown(3000, 2 * n + 1, moods=moods)) for n in range(100)]
    doubted = [reliability(*pair, seed).p_value < 0.05 for seed, pair in enumerate(pairs)]
    assert np.mean(doubted) < 0.12
