"""A better model ships, a worse one does not, and the numbers say why."""

import json

import numpy as np
import numpy.typing as npt
import pytest

from contracts.errors import InvalidInputError
from training.evaluation.bootstrap import difference, intervals
from training.evaluation.gate import GateRules, Holdout, gate
from training.evaluation.metrics import Ragged
from training.evaluation.segments import by_activity, by_gap, new_items

Values = npt.NDArray[np.float64]
RULES = GateRules(resamples=400)
USERS = 4000


def users_with(mean: float, seed: int, base: Values | None = None, kept: float = 0.0) -> Values:
    """Hits of 0 or 1 with this mean; a share ``kept`` of users has the value of ``base``."""
    generator = np.random.default_rng(seed)
    drawn = (generator.random(USERS) < mean).astype(np.float64)
    return drawn if base is None else np.where(generator.random(USERS) < kept, base, drawn)


CHAMPION = users_with(0.2, 1)


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(5).normal(3.0, 2.0, 5000)
    found = intervals({"m": values}, resamples=1000)["m"]
    half = 1.96 * values.std() / np.sqrt(5000)
    assert found.lower == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found.upper == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_pairing_narrows_the_interval() -> None:
    other = users_with(0.2, 2, CHAMPION, kept=0.95)
    paired = difference(other, CHAMPION)
    apart = difference(np.random.default_rng(1).permutation(other), CHAMPION)
    assert paired.upper - paired.lower < 0.5 * (apart.upper - apart.lower)


def test_a_user_without_a_value_is_left_out_of_the_mean() -> None:
    found = intervals({"m": np.array([1.0, np.nan, 1.0]), "none": np.full(3, np.nan)}, resamples=50)
    assert (found["m"].mean, found["m"].users, found["none"].users) == (1.0, 2, 0)


def test_the_first_release_must_beat_every_baseline() -> None:
    popular, knn = users_with(0.05, 3), users_with(0.12, 4)
    assert gate(Holdout(CHAMPION, {"popular": popular, "item_knn": knn}), RULES).passed
    shuffled = users_with(0.04, 6)
    refused = gate(Holdout(shuffled, {"popular": popular, "item_knn": knn}), RULES)
    assert not refused.passed
    assert "item_knn" in refused.reasons[-1]
    with pytest.raises(InvalidInputError, match="baseline"):
        gate(Holdout(CHAMPION), RULES)


def test_an_equal_candidate_ships_unless_the_gate_is_strict() -> None:
    holdout = Holdout(CHAMPION.copy(), champion=CHAMPION, anchor=CHAMPION)
    assert gate(holdout, RULES).passed
    assert not gate(holdout, GateRules(strict=True, resamples=400)).passed


def test_a_better_candidate_ships_in_the_strict_sense_and_a_worse_one_never() -> None:
    better, worse = users_with(0.3, 7, CHAMPION, 0.5), users_with(0.1, 8, CHAMPION, 0.5)
    assert gate(Holdout(better, champion=CHAMPION), GateRules(strict=True, resamples=400)).passed
    refused = gate(Holdout(worse, champion=CHAMPION), RULES)
    assert not refused.passed
    check = refused.checks[0]
    assert check.upper < check.bound < 0
    assert f"{check.lower:+.5f}" in refused.reasons[0]


def test_the_anchor_stops_what_the_champion_of_the_day_would_let_pass() -> None:
    worn = users_with(0.15, 9)
    assert gate(Holdout(worn.copy(), champion=worn), RULES).passed
    refused = gate(Holdout(worn.copy(), champion=worn, anchor=users_with(0.3, 10)), RULES)
    assert [check.name for check in refused.checks if not check.passed] == ["anchor"]


def test_a_segment_refuses_only_when_its_whole_interval_is_low_and_it_has_enough_users() -> None:
    candidate, segment = CHAMPION.copy(), np.zeros(USERS, bool)
    segment[:400] = True
    candidate[segment] = 0.0
    candidate[~segment] = np.maximum(candidate[~segment], users_with(0.2, 11)[~segment])
    refused = gate(Holdout(candidate, champion=CHAMPION, segments={"new_users": segment}), RULES)
    assert [check.name for check in refused.checks if not check.passed] == ["segment:new_users"]
    assert gate(
        Holdout(candidate, champion=CHAMPION, segments={"new_users": segment}),
        GateRules(resamples=400, segment_minimum_users=401),
    ).passed
    same = Holdout(CHAMPION.copy(), champion=CHAMPION, segments={"new_users": segment})
    assert gate(same, RULES).passed


def test_too_few_users_are_refused_and_the_result_is_json() -> None:
    result = gate(Holdout(CHAMPION[:10], champion=CHAMPION[:10]), RULES)
    assert not result.passed
    assert json.loads(json.dumps(result.as_json()))["reasons"] == ["the holdout has 10 users, the gate needs 30"]


@pytest.mark.parametrize("champion", [CHAMPION[:-1], np.where(np.arange(USERS) == 3, np.nan, CHAMPION)])
def test_arrays_that_do_not_fit_are_refused(champion: Values) -> None:
    with pytest.raises(InvalidInputError, match="champion"):
        gate(Holdout(CHAMPION, champion=champion), RULES)


def test_segments_of_users() -> None:
    activity = by_activity(np.array([0, 4, 5, 19, 20, 100]))
    assert activity["new_users"].tolist() == [True, True, False, False, False, False]
    assert activity["light_users"].tolist() == [False, False, True, True, False, False]
    assert activity["heavy_users"].tolist() == [False] * 5 + [True]
    gaps = by_gap(np.array([59.0, 60.0, 3600.0, 86400.0, np.nan]))
    assert [int(np.flatnonzero(mask)[0]) for mask in gaps.values()] == [0, 1, 2, 3]
    assert not any(mask[4] for mask in gaps.values())
    fresh = new_items(Ragged.of([[0, 1], [1]]), np.array([100 * 86400.0, np.nan]), now=101 * 86400.0)
    assert fresh["new_items"].tolist() == [True, False]
