"""One look at one experiment: what was observed becomes comparisons, evidence and a decision."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.experiment import Experiment
from experimentation.aggregation import Observed
from experimentation.comparison import TUNED_TO, Look, looks
from experimentation.decision import Decision, Evidence, decide
from experimentation.guardrails import WINDOW_DAYS, Guardrail
from experimentation.interleaving import preferences
from experimentation.mismatch import Mismatch, sample_ratio
from experimentation.segments import SegmentEffect, segment_effects

ALPHA = 0.05
"""The error that a whole experiment may make, over all looks, arms and guardrails together."""

GUARDRAIL_SHARE = 0.2
"""Share of ALPHA kept for the guardrails, where there are any (Bonferroni within)."""


@dataclass(frozen=True)
class Analysis:
    """``sequences`` is arm → its looks at the primary metric, oldest first."""

    evidence: list[Evidence]
    sequences: dict[str, list[Look]]
    mismatch: Mismatch
    decision: Decision
    segments: list[SegmentEffect] = field(default_factory=list)


def windows(experiment: Experiment) -> tuple[int, ...]:
    """The windows, in days, that an experiment must be observed with."""
    return tuple(sorted({experiment.window_days, WINDOW_DAYS}))


def analyse(experiment: Experiment, observed: Observed, *, growth: float = 1.0) -> Analysis:
    """Looks at everything that was observed. Pure: the same data gives the same answer, so an analysis that is run
    twice, or late, concludes the same. ``growth`` is how many times the first phase's share of users the last has."""
    interleaved = experiment.kind == "interleaving"
    shares = [0.5, 0.5] if interleaved else [arm.share for arm in experiment.arms]
    mismatch = sample_ratio(observed.exposed, shares)
    if observed.first_day is None:
        return Analysis([], {}, mismatch, decide(experiment, []))
    days = range(len(observed.exposed))
    rails = [Guardrail.parse(text) for text in experiment.guardrails]
    treatments = len(experiment.arms) - 1
    alpha = ALPHA * (1 - GUARDRAIL_SHARE if rails else 1.0) / treatments
    rail_alpha = ALPHA * GUARDRAIL_SHARE / max(1, len(rails) * treatments)
    seen = observed.contaminated + int(observed.exposed[-1].sum())
    evidence, sequences = [], {}
    for place, arm in enumerate(experiment.arms[1:], 1):
        expected = TUNED_TO * growth * float(observed.exposed[0, 0] + observed.exposed[0, place])
        sequence = _primary(experiment, observed, place, days, alpha, expected)
        rail_looks = {rail.metric: _rail(rail, observed, place, days[-1], rail_alpha, expected) for rail in rails}
        sequences[arm.name] = sequence
        evidence.append(
            Evidence(
                arm.name,
                days[-1],
                sequence[-1],
                mismatch,
                {rail.metric: rail.state(rail_looks[rail.metric]) for rail in rails},
                rail_looks,
                observed.missing_days,
                observed.contaminated / seen if seen else 0.0,
            )
        )
    first = TUNED_TO * growth * float(observed.exposed[0].sum())
    segments = [] if interleaved else segment_effects(experiment, observed, days[-1], alpha=ALPHA, expected_users=first)
    return Analysis(evidence, sequences, mismatch, decide(experiment, evidence), segments)


def _primary(
    experiment: Experiment, observed: Observed, place: int, days: Sequence[int], alpha: float, expected: float
) -> list[Look]:
    users, window = observed.windows[experiment.window_days], experiment.window_days
    if experiment.kind == "interleaving":
        return preferences(users, days, window_days=window, alpha=alpha, expected_users=expected / 2)
    return looks(users, experiment.metric, place, days, window_days=window, alpha=alpha, expected_users=expected)


def _rail(rail: Guardrail, observed: Observed, place: int, day: int, alpha: float, expected: float) -> Look:
    users = observed.windows[WINDOW_DAYS]
    return looks(users, rail.metric, place, [day], window_days=WINDOW_DAYS, alpha=alpha, expected_users=expected)[0]
