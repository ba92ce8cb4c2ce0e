"""What to do with an experiment: a pure function of numbers, its reasons the numbers."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from contracts.experiment import Experiment
from experimentation.comparison import Look
from experimentation.guardrails import State
from experimentation.mismatch import Mismatch


class Verdict(StrEnum):
    """``running`` goes on; ``hold`` goes on and asks for a person; the others end the experiment."""

    RUNNING = "running"
    HOLD = "hold"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    FUTILE = "futile"
    INCONCLUSIVE = "inconclusive"


ENDS = frozenset({Verdict.PROMOTE, Verdict.ROLLBACK, Verdict.FUTILE, Verdict.INCONCLUSIVE})


@dataclass(frozen=True)
class Evidence:
    """What is known of one arm against control at a look. ``guardrails`` is name → state; ``missing_days`` are days
    without data between the first and the last."""

    arm: str
    day: int
    primary: Look
    mismatch: Mismatch
    guardrails: dict[str, State] = field(default_factory=dict)
    guardrail_looks: dict[str, Look] = field(default_factory=dict)
    missing_days: tuple[str, ...] = ()
    contaminated_share: float = 0.0


@dataclass(frozen=True)
class Decision:
    """The verdict, the arm that it is about, and why."""

    verdict: Verdict
    arm: str | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self) | {"verdict": str(self.verdict)}


CONTAMINATED = 0.01
"""A larger share of users who met more than one arm than this is a broken assignment."""


def decide(experiment: Experiment, evidence: list[Evidence]) -> Decision:
    """The decision over all treatment arms, one ``Evidence`` each (their error budgets already divided).

    Hold comes first: a broken split or missing data leave nothing to conclude from. From the minimum run time on, the
    best arm that qualifies is promoted. Otherwise an arm that does harm ends the experiment at once; then come, from
    the minimum run time on, futility when no arm can still reach the smallest effect, and at the maximum run time
    inconclusive.
    """
    if not evidence:
        return Decision(Verdict.HOLD, None, "no arm has been compared: no impression carries this experiment")
    held = _hold(evidence)
    if held:
        return held
    harmed = {one.arm: reason for one in evidence if (reason := _harm(one))}
    alive = [one for one in evidence if one.arm not in harmed]
    days = max(one.day for one in evidence) + 1
    winners = [one for one in alive if days >= experiment.minimum_days and _wins(experiment, one)]
    if winners:
        best = max(winners, key=lambda one: one.primary.lift)
        return Decision(
            Verdict.PROMOTE,
            best.arm,
            f"{_figures(best)}; the lower bound is above zero, the lift at least "
            f"{experiment.smallest_effect:.3f} and every guardrail holds{_listed(best)}",
        )
    if harmed:
        arm, reason = next(iter(harmed.items()))
        return Decision(Verdict.ROLLBACK, arm, reason)
    if days < experiment.minimum_days:
        return Decision(Verdict.RUNNING, None, f"day {days} of at least {experiment.minimum_days}")
    if all(one.primary.ready and one.primary.lift_interval[1] < experiment.smallest_effect for one in alive):
        best = max(alive, key=lambda one: one.primary.lift)
        return Decision(
            Verdict.FUTILE, best.arm, f"{_figures(best)}; the upper bound is below {experiment.smallest_effect:.3f}"
        )
    if days >= experiment.maximum_days:
        best = max(alive, key=lambda one: one.primary.lift)
        return Decision(Verdict.INCONCLUSIVE, best.arm, f"{_figures(best)} after {days} days, the maximum run time")
    best = max(alive, key=lambda one: one.primary.lift)
    return Decision(Verdict.RUNNING, best.arm, f"{_figures(best)}: nothing is shown yet, day {days}{_listed(best)}")


def _hold(evidence: list[Evidence]) -> Decision | None:
    for one in evidence:
        if not one.mismatch.ok:
            reason = (
                f"sample-ratio mismatch, p = {one.mismatch.p_value:.2g}: the arms did not get their shares of users"
            )
            return Decision(Verdict.HOLD, one.arm, reason)
        if one.contaminated_share > CONTAMINATED:
            reason = f"{one.contaminated_share:.1%} of users met more than one arm (allowed {CONTAMINATED:.0%})"
            return Decision(Verdict.HOLD, one.arm, reason)
        if one.missing_days:
            return Decision(Verdict.HOLD, one.arm, f"no impressions on {', '.join(one.missing_days[:5])}")
    return None


def _harm(one: Evidence) -> str | None:
    for name, state in one.guardrails.items():
        if state is State.BREAKS:
            look = one.guardrail_looks[name]
            low, high = look.lift_interval
            return f"guardrail {name} breaks: lift {look.lift:+.4f} [{low:+.4f}, {high:+.4f}] over {look.users} users"
    if one.primary.ready and one.primary.interval[1] < 0:
        return f"{_figures(one)}; the upper bound is below zero"
    return None


def _wins(experiment: Experiment, one: Evidence) -> bool:
    return (
        one.primary.ready
        and one.primary.interval[0] > 0
        and one.primary.lift >= experiment.smallest_effect
        and all(state is State.HOLDS for state in one.guardrails.values())
    )


def _figures(one: Evidence) -> str:
    look = one.primary
    if not look.ready:
        return f"{one.arm}: {look.users} users with closed windows, too few for an interval"
    (low, high), (lift_low, lift_high) = look.interval, look.lift_interval
    return (
        f"{one.arm}: effect {look.effect:+.6f} [{low:+.6f}, {high:+.6f}], lift {look.lift:+.4f} "
        f"[{lift_low:+.4f}, {lift_high:+.4f}] over {look.users} users"
    )


def _listed(one: Evidence) -> str:
    listed = ", ".join(f"{name} {state}" for name, state in one.guardrails.items())
    return f" (guardrails: {listed})" if listed else ""
