"""What is decided, from numbers alone."""

import math
from dataclasses import replace

import pytest

from contracts.errors import InvalidInputError
from contracts.experiment import Arm, Experiment
from experimentation.comparison import Look
from experimentation.decision import Evidence, Verdict, decide
from experimentation.guardrails import Guardrail, State
from experimentation.mismatch import Mismatch

EXPERIMENT = Experiment(
    id="x1",
    arms=(Arm(name="control", share=0.5), Arm(name="variant", share=0.5)),
    minimum_days=3,
    maximum_days=14,
    smallest_effect=0.02,
)
FAIR = Mismatch(1.0, 1.0, ok=True)


def look(lift: float, half: float, *, base: float = 0.1) -> Look:
    interval, lifts = (base * (lift - half), base * (lift + half)), (lift - half, lift + half)
    return Look(6, 5000, base, base * (1 + lift), base * lift, interval, 0.5, lift, lifts, interval, 0.5, 0.2)


def evidence(lift: float, half: float, *, day: int = 6) -> Evidence:
    return Evidence("variant", day, look(lift, half), FAIR)


@pytest.mark.parametrize(
    ("lift", "half", "day", "verdict"),
    [
        (0.05, 0.03, 6, Verdict.PROMOTE),
        (0.05, 0.03, 1, Verdict.RUNNING),
        (0.05, 0.06, 6, Verdict.RUNNING),
        (0.01, 0.015, 6, Verdict.RUNNING),
        (0.0, 0.01, 6, Verdict.FUTILE),
        (0.015, 0.002, 6, Verdict.FUTILE),
        (-0.05, 0.03, 1, Verdict.ROLLBACK),
        (0.0, 0.1, 12, Verdict.RUNNING),
        (0.0, 0.1, 13, Verdict.INCONCLUSIVE),
    ],
)
def test_the_primary_metric_decides(lift: float, half: float, day: int, verdict: Verdict) -> None:
    found = decide(EXPERIMENT, [evidence(lift, half, day=day)])
    assert found.verdict is verdict
    assert any(character.isdigit() for character in found.reason)


def test_a_guardrail_that_breaks_rolls_back_at_once_and_an_open_one_only_delays() -> None:
    winner = evidence(0.05, 0.03)
    broken = replace(winner, day=0, guardrails={"ctr": State.BREAKS}, guardrail_looks={"ctr": look(-0.2, 0.1)})
    assert decide(EXPERIMENT, [broken]).verdict is Verdict.ROLLBACK
    assert "-0.2000 [-0.3000, -0.1000]" in decide(EXPERIMENT, [broken]).reason
    waiting = replace(winner, guardrails={"ctr": State.OPEN}, guardrail_looks={"ctr": look(0.0, 0.1)})
    assert decide(EXPERIMENT, [waiting]).verdict is Verdict.RUNNING


def test_nothing_is_concluded_from_a_broken_split_missing_days_or_mixed_users() -> None:
    winner = evidence(0.05, 0.03)
    for held in (
        replace(winner, mismatch=Mismatch(0.0001, 0.0001, ok=False)),
        replace(winner, missing_days=("2026-01-04",)),
        replace(winner, contaminated_share=0.05),
    ):
        assert decide(EXPERIMENT, [held]).verdict is Verdict.HOLD
    assert decide(EXPERIMENT, []).verdict is Verdict.HOLD


def test_one_harmful_arm_does_not_stop_a_better_one_but_nobody_waits_in_it() -> None:
    bad, good = replace(evidence(-0.2, 0.1), arm="bad"), replace(evidence(0.1, 0.05), arm="good")
    found = decide(EXPERIMENT, [bad, good])
    assert (found.verdict, found.arm) == (Verdict.PROMOTE, "good")
    found = decide(EXPERIMENT, [bad, replace(evidence(0.1, 0.2), arm="open")])
    assert (found.verdict, found.arm) == (Verdict.ROLLBACK, "bad")


def test_too_few_users_give_no_interval_and_no_conclusion() -> None:
    nothing = (-math.inf, math.inf)
    thin = replace(look(0.5, 0.1), interval=nothing, lift_interval=nothing)
    assert decide(EXPERIMENT, [replace(evidence(0, 1), primary=thin)]).verdict is Verdict.RUNNING
    assert decide(EXPERIMENT, [replace(evidence(0, 1, day=13), primary=thin)]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("lift", "half", "state"),
    [(0.0, 0.02, State.HOLDS), (-0.01, 0.005, State.HOLDS), (-0.1, 0.05, State.BREAKS), (0.0, 0.2, State.OPEN)],
)
def test_a_guardrail_holds_or_breaks_only_when_shown(lift: float, half: float, state: State) -> None:
    assert Guardrail.parse("ctr:0.05").state(look(lift, half)) is state


@pytest.mark.parametrize("text", ["speed", "ctr:lots", "ctr:0", "ctr:2"])
def test_a_guardrail_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        Guardrail.parse(text)
