"""One look at one experiment: what was observed becomes comparisons, evidence, a decision and the answer of the API."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from contracts.experiment import Experiment, RunningExperiment
from experimentation.aggregation import ArmDay, Observed, nothing_observed
from experimentation.comparison import METHOD, TUNED_TO, Look, looks
from experimentation.decision import Decision, Evidence, Verdict, decide
from experimentation.guardrails import WINDOW_DAYS, Guardrail
from experimentation.mismatch import Mismatch, sample_ratio

ALPHA = 0.05
"""The error that a whole experiment may make, over all looks, arms and guardrails together."""

GUARDRAIL_SHARE = 0.2
"""Share of ALPHA kept for the guardrails, where there are any (Bonferroni within)."""

_WAITING = Decision(Verdict.RUNNING, None, "not analysed yet")


@dataclass(frozen=True)
class Analysis:
    """``sequences`` is arm → its looks at the primary metric, oldest first."""

    evidence: list[Evidence]
    sequences: dict[str, list[Look]]
    mismatch: Mismatch
    decision: Decision


def windows(experiment: Experiment) -> tuple[int, ...]:
    """The windows, in days, that an experiment must be observed with."""
    return tuple(sorted({experiment.window_days, WINDOW_DAYS}))


def analyse(experiment: Experiment, observed: Observed, until: date) -> Analysis:
    """Looks at everything up to the end of ``until``. Pure: the same data gives the same answer, so an analysis that
    is run twice, or late, concludes the same."""
    shares = [arm.share for arm in experiment.arms]
    mismatch = sample_ratio(observed.exposed, shares)
    if observed.first_day is None:
        return Analysis([], {}, mismatch, decide(experiment, []))
    today = (until - observed.first_day).days
    days = range(min(today, len(observed.exposed) - 1 + max(windows(experiment))) + 1)
    treatments = experiment.arms[1:]
    rails = [Guardrail.parse(text) for text in experiment.guardrails]
    primary_alpha = ALPHA * (1 - GUARDRAIL_SHARE if rails else 1.0) / len(treatments)
    rail_alpha = ALPHA * GUARDRAIL_SHARE / max(1, len(rails) * len(treatments))
    seen = observed.contaminated + int(observed.exposed[-1].sum())
    evidence, sequences = [], {}
    for place, arm in enumerate(treatments, 1):
        pair = observed.exposed[0, 0] + observed.exposed[0, place]
        expected = TUNED_TO * float(pair)
        sequence = looks(
            observed.windows[experiment.window_days],
            experiment.metric,
            place,
            days,
            window_days=experiment.window_days,
            alpha=primary_alpha,
            expected_users=expected,
        )
        rail_looks = {
            rail.metric: looks(
                observed.windows[WINDOW_DAYS],
                rail.metric,
                place,
                days[-1:],
                window_days=WINDOW_DAYS,
                alpha=rail_alpha,
                expected_users=expected,
            )[-1]
            for rail in rails
        }
        sequences[arm.name] = sequence
        evidence.append(
            Evidence(
                arm.name,
                today,
                sequence[-1],
                mismatch,
                {rail.metric: rail.state(rail_looks[rail.metric]) for rail in rails},
                rail_looks,
                observed.missing_days,
                observed.contaminated / seen if seen else 0.0,
            )
        )
    return Analysis(evidence, sequences, mismatch, decide(experiment, evidence))


def metrics(running: RunningExperiment, observed: Observed, analysis: Analysis, analysed_at: str) -> dict[str, Any]:
    """The answer of ``GET /v1/experiments/{id}/metrics``. ``comparison`` is that of the best arm; ``comparisons`` has
    all. A bound that cannot be given yet is null. ``conversion_rate`` is the share of users who converted in their
    window; the other figures of an arm are totals of all that was logged."""
    experiment = running.experiment
    best = max(analysis.evidence, key=lambda one: one.primary.lift, default=None)
    return {
        "id": experiment.id,
        "status": str(running.status),
        "arms": [_arm(experiment, observed, place) for place in range(len(experiment.arms))],
        "comparison": _comparison(experiment, best, analysis.mismatch),
        "comparisons": {one.arm: _comparison(experiment, one, analysis.mismatch) for one in analysis.evidence},
        "decision": {
            "state": str(analysis.decision.verdict),
            "arm": analysis.decision.arm,
            "reason": analysis.decision.reason,
            "at": analysed_at,
        },
        "looks": {arm: [_look(look) for look in sequence] for arm, sequence in analysis.sequences.items()},
        "daily": [_day(one) for one in observed.daily],
        "first_day": observed.first_day.isoformat() if observed.first_day else None,
        "missing_days": list(observed.missing_days),
        "left_out": {"met_several_arms": observed.contaminated, "bots": observed.bots},
        "unattributed_events": observed.unattributed,
    }


def nothing_yet(running: RunningExperiment) -> dict[str, Any]:
    """The same answer before the first analysis."""
    none = nothing_observed([arm.name for arm in running.experiment.arms], windows(running.experiment))
    analysis = Analysis([], {}, sample_ratio(none.exposed, [arm.share for arm in running.experiment.arms]), _WAITING)
    state = {"state": str(running.status), "arm": None, "reason": _WAITING.reason, "at": None}
    return metrics(running, none, analysis, "") | {"decision": state}


def _arm(experiment: Experiment, observed: Observed, place: int) -> dict[str, Any]:
    arm = experiment.arms[place]
    days = [one for one in observed.daily if one.arm == arm.name]
    shown, clicked = sum(one.impressions for one in days), sum(one.clicks for one in days)
    users = observed.windows.get(experiment.window_days)
    converted = users.converted[users.arm == place] if users is not None else None
    return {
        "name": arm.name,
        "release": arm.release,
        "users": int(observed.exposed[-1, place]) if len(observed.exposed) else 0,
        "impressions": shown,
        "clicks": clicked,
        "conversions": sum(one.conversions for one in days),
        "revenue": sum(one.revenue for one in days),
        "ctr": clicked / shown if shown else 0.0,
        "conversion_rate": float(converted.mean()) if converted is not None and len(converted) else 0.0,
    }


def _comparison(experiment: Experiment, one: Evidence | None, mismatch: Mismatch) -> dict[str, Any]:
    srm = {"p_value": mismatch.p_value, "fixed_p_value": mismatch.fixed_p_value, "ok": mismatch.ok}
    if one is None:
        empty = {"effect": 0.0, "interval": [None, None], "p_value": 1.0, "lift": 0.0, "lift_interval": [None, None]}
        rest: dict[str, Any] = {"arm": None, **empty, "users": 0, "guardrails": []}
        rest["cuped"] = {"variance_reduction": 0.0}
        return {"metric": experiment.metric, "method": METHOD, "srm": srm, **rest}
    return {
        "metric": experiment.metric,
        "arm": one.arm,
        **_look(one.primary),
        "method": METHOD,
        "window_days": experiment.window_days,
        "cuped": {"variance_reduction": one.primary.variance_reduction},
        "srm": srm,
        "guardrails": [
            {"metric": name, "state": str(state), **_look(one.guardrail_looks[name])}
            for name, state in one.guardrails.items()
        ],
    }


def _look(look: Look) -> dict[str, Any]:
    return {
        "day": look.day,
        "users": look.users,
        "control": look.control,
        "treatment": look.treatment,
        "effect": look.effect,
        "interval": _bounds(look.interval),
        "p_value": look.p_value,
        "lift": look.lift,
        "lift_interval": _bounds(look.lift_interval),
        "fixed": {"interval": _bounds(look.fixed_interval), "p_value": look.fixed_p_value},
    }


def _bounds(interval: Sequence[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in interval]


def _day(one: ArmDay) -> dict[str, Any]:
    return one.__dict__ | {"day": one.day.isoformat(), "ctr": one.clicks / one.impressions if one.impressions else 0.0}
