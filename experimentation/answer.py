"""The answer of ``GET /v1/experiments/{id}/metrics``, from what a look found."""

import math
from collections.abc import Sequence
from typing import Any

from contracts.experiment import Experiment, RunningExperiment
from experimentation.aggregation import Observed, nothing_observed
from experimentation.analysis import Analysis, windows
from experimentation.arm_days import ArmDay
from experimentation.comparison import METHOD, Look
from experimentation.decision import Decision, Evidence, Verdict
from experimentation.interleaving import METHOD as INTERLEAVED
from experimentation.interleaving import METRIC as PREFERENCE
from experimentation.mismatch import Mismatch, sample_ratio
from experimentation.segments import SegmentEffect

_WAITING = Decision(Verdict.RUNNING, None, "not analysed yet")


def metrics(running: RunningExperiment, observed: Observed, analysis: Analysis, analysed_at: str) -> dict[str, Any]:
    """``comparison`` is that of the best arm; ``comparisons`` has all. A bound that cannot be given yet is null.
    ``conversion_rate`` is the share of users who converted in their window; the other figures of an arm are totals of
    all that was logged. ``segments`` are exploration."""
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
        "segments": [_segment(one) for one in analysis.segments],
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
    users = observed.windows[experiment.window_days]
    converted = users.converted[users.arm == place]
    return {
        "name": arm.name,
        "release": arm.release,
        "users": int(observed.exposed[-1, place]) if len(observed.exposed) else 0,
        "impressions": shown,
        "confirmed_impressions": sum(one.confirmed for one in days),
        "clicks": clicked,
        "conversions": sum(one.conversions for one in days),
        "revenue": sum(one.revenue for one in days),
        "ctr": clicked / shown if shown else 0.0,
        "conversion_rate": float(converted.mean()) if len(converted) else 0.0,
    }


def _comparison(experiment: Experiment, one: Evidence | None, mismatch: Mismatch) -> dict[str, Any]:
    interleaved = experiment.kind == "interleaving"
    told = {
        "metric": PREFERENCE if interleaved else experiment.metric,
        "method": INTERLEAVED if interleaved else METHOD,
        "window_days": experiment.window_days,
        "srm": {"p_value": mismatch.p_value, "fixed_p_value": mismatch.fixed_p_value, "ok": mismatch.ok},
    }
    if one is None:
        nothing = {"effect": 0.0, "interval": [None, None], "p_value": 1.0, "lift": 0.0, "lift_interval": [None, None]}
        return told | nothing | {"arm": None, "users": 0, "guardrails": [], "cuped": {"variance_reduction": 0.0}}
    return told | {
        "arm": one.arm,
        **_look(one.primary),
        "cuped": {"variance_reduction": one.primary.variance_reduction},
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


def _segment(one: SegmentEffect) -> dict[str, Any]:
    return {"arm": one.arm, "segment": one.segment, "exploratory": True, **_look(one.look)}


def _day(one: ArmDay) -> dict[str, Any]:
    return one.__dict__ | {"day": one.day.isoformat(), "ctr": one.clicks / one.impressions if one.impressions else 0.0}
