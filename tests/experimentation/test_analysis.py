"""From what was observed to evidence: one error budget, one answer, whatever the day of the week."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from contracts.experiment import Arm, Experiment
from experimentation.aggregation import Observed
from experimentation.analysis import analyse, windows
from experimentation.decision import Evidence, Verdict
from experimentation.users import Users
from tests.experimentation.test_comparison import world

FIRST = date(2026, 3, 28)


def experiment(arms: int = 2, **fields: Any) -> Experiment:
    named = [Arm(name=f"arm{number}", share=1 / arms) for number in range(arms)]
    return Experiment.model_validate({"id": "x1", "arms": named, "window_days": 1, "minimum_days": 1, **fields})


def observed(users: Users, declared: Experiment, days: int = 3) -> Observed:
    exposed = np.tile(np.bincount(users.arm, minlength=len(declared.arms)), (days, 1))
    return Observed(FIRST, dict.fromkeys(windows(declared), users), exposed, [])


def evidence(users: Users, declared: Experiment) -> Evidence:
    return analyse(declared, observed(users, declared)).evidence[0]


def width(one: Evidence) -> float:
    return one.primary.interval[1] - one.primary.interval[0]


def test_arms_and_guardrails_share_one_error_budget() -> None:
    users = world(1, 6000, 0.0)
    alone = evidence(users, experiment())
    with_rails = evidence(users, experiment(guardrails=("ctr", "clicks_per_user")))
    three = analyse(experiment(3), observed(replace(users, arm=users.arm * 2), experiment(3))).evidence[1]
    assert width(alone) < width(with_rails)
    assert width(alone) < width(three)
    rail = with_rails.guardrail_looks["ctr"]
    assert rail.interval[1] - rail.interval[0] > width(with_rails)


def test_three_equal_arms_with_guardrails_are_told_apart_no_more_often_than_allowed() -> None:
    declared, wrong = experiment(3, guardrails=("clicks_per_user",)), 0
    for seed in range(150):
        users = world(seed, 2400, 0.0)
        users = replace(users, arm=np.random.default_rng(seed).integers(0, 3, len(users)).astype(np.int16))
        decided = analyse(declared, observed(users, declared)).decision.verdict
        wrong += decided in (Verdict.PROMOTE, Verdict.ROLLBACK)
    assert wrong <= 0.05 * 150


def test_the_same_data_gives_the_same_analysis_and_a_later_one_only_adds_looks() -> None:
    users, declared = world(2, 3000, 0.1), experiment()
    first, again = (analyse(declared, observed(users, declared)) for _ in range(2))
    assert first == again
    later = analyse(declared, observed(users, declared, days=5))
    assert later.sequences["arm1"][:3] == first.sequences["arm1"]


def test_effects_in_groups_are_explored_with_their_own_correction() -> None:
    users = world(3, 12_000, 0.3)
    number, declared = np.arange(len(users)), experiment()
    past = {name: getattr(users, name) * (number % 3 > 0) for name in ("before_clicks", "before_impressions")}
    users = replace(users, cohort=(number % 2).astype(np.int16), **past)
    found = analyse(declared, replace(observed(users, declared), cohorts=("young", "old"))).segments
    assert [one.segment for one in found] == ["new users", "known users", "cohort young", "cohort old"]
    assert found[0].look.users == len(users) / 3
    assert sum(one.look.users for one in found[2:]) == len(users)
    young = found[2].look
    assert young.interval[0] <= 0.03 <= young.interval[1]
    assert young.interval[1] - young.interval[0] > 1.4 * width(evidence(users, declared))


def test_an_arm_without_traffic_and_a_broken_split_hold() -> None:
    declared = experiment()
    empty = world(4, 3000, 0.0)
    empty = empty.take(empty.arm == 0)
    assert analyse(declared, observed(empty, declared)).decision.verdict is Verdict.HOLD
    users = world(4, 6000, 0.0)
    lost = users.take((users.arm == 0) | (np.arange(len(users)) % 4 > 0))
    decided = analyse(declared, observed(lost, declared)).decision
    assert decided.verdict is Verdict.HOLD
    assert "sample-ratio mismatch" in decided.reason


def test_an_interleaving_is_decided_by_preference_and_never_by_its_split() -> None:
    generator = np.random.default_rng(5)
    total = generator.binomial(4, 0.4, 2000)
    second = generator.binomial(total, 0.7)
    teams, nothing = np.tile([0, 1], 2000).astype(np.int16), np.zeros(4000)
    clicks = np.column_stack([total - second, second]).ravel().astype(np.float64)
    day = np.zeros(4000, np.int32)
    users = Users(teams, day, nothing + 5, clicks, nothing, nothing, nothing, nothing, nothing, teams, teams)
    declared = experiment(kind="interleaving", recommend_only=True)
    found = analyse(declared, observed(users, declared))
    assert found.mismatch.ok
    assert found.decision.verdict is Verdict.PROMOTE
    assert found.evidence[0].primary.effect == pytest.approx(0.4, abs=0.06)
    assert found.segments == []
