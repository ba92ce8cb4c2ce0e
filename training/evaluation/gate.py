"""Whether a candidate may ship: a pure function of per-user metrics on one holdout, with its reasons as numbers.

The first release must beat every baseline: the lower bound of candidate − baseline above zero. A later one must be
non-inferior to the champion and to a fixed anchor (a release or baseline that does not follow the champion, so that
a margin lost every day cannot add up): lower bound above −margin × the reference's mean. A segment with enough users
refuses when its whole interval lies below −segment_margin × the champion's mean there. Strict: lower bound above zero
against the champion. Nothing is compared unless the holdout lies after the training data of all: a release that has
learned from the answers cannot be measured by them.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.clock import utc
from contracts.errors import InvalidInputError
from training.evaluation.bootstrap import Interval, difference

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GateRules:
    """The stated amounts. Margins are shares of the reference's mean; ``level`` is that of the two-sided interval."""

    metric: str = "ndcg@10"
    margin: float = 0.02
    strict: bool = False
    segment_margin: float = 0.10
    segment_minimum_users: int = 200
    minimum_users: int = 30
    level: float = 0.95
    resamples: int = 2000
    seed: int = 7


@dataclass(frozen=True)
class Holdout:
    """The metric of ``GateRules.metric`` per user, float64[U] each, the same users in the same order.

    ``champion`` and ``anchor`` are None for the first release. ``segments`` are masks bool[U]. The holdout ``begins``
    at this moment, and ``trained_to`` says up to when each reference learned (epoch seconds).
    """

    candidate: Values
    baselines: Mapping[str, Values] = field(default_factory=dict)
    champion: Values | None = None
    anchor: Values | None = None
    segments: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    begins: float = math.inf
    trained_to: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One comparison: the interval of candidate − reference against the bound that it must stay above."""

    name: str
    passed: bool
    estimate: float
    lower: float
    upper: float
    bound: float
    users: int
    candidate: float
    reference: float
    reason: str


@dataclass(frozen=True)
class GateResult:
    """The verdict and every check behind it."""

    passed: bool
    metric: str
    first: bool
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> list[str]:
        """Why it was refused; empty when it passed."""
        return [check.reason for check in self.checks if not check.passed]

    def as_json(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return asdict(self) | {"checks": [asdict(check) for check in self.checks], "reasons": self.reasons}


def gate(holdout: Holdout, rules: GateRules) -> GateResult:
    """Decides. Raises InvalidInputError when arrays differ in length, hold NaN, or a first release has no baseline."""
    _consistent(holdout)
    first = holdout.champion is None
    users = len(holdout.candidate)
    checks = []
    if users < rules.minimum_users:
        mean = float(holdout.candidate.mean()) if users else 0.0
        reason = f"the holdout has {users} users, the gate needs {rules.minimum_users}"
        checks.append(Check("users", False, mean, mean, mean, 0.0, users, mean, 0.0, reason))
        return GateResult(False, rules.metric, first, tuple(checks))
    late = [_late(name, moment, holdout) for name, moment in holdout.trained_to.items() if moment > holdout.begins]
    if late:
        return GateResult(False, rules.metric, first, tuple(late))
    if holdout.champion is None:
        if not holdout.baselines:
            raise InvalidInputError("baselines", "a first release needs at least one baseline to beat")
        checks += [_above(name, holdout.candidate, one, 0.0, rules) for name, one in holdout.baselines.items()]
    else:
        margin = 0.0 if rules.strict else rules.margin
        checks.append(_above("champion", holdout.candidate, holdout.champion, margin, rules))
        if holdout.anchor is not None:
            checks.append(_above("anchor", holdout.candidate, holdout.anchor, rules.margin, rules))
        for name, mask in holdout.segments.items():
            if int(mask.sum()) >= rules.segment_minimum_users:
                checks.append(_segment(name, holdout.candidate[mask], holdout.champion[mask], rules))
    return GateResult(all(check.passed for check in checks), rules.metric, first, tuple(checks))


def _late(name: str, trained_to: float, holdout: Holdout) -> Check:
    mean = float(holdout.candidate.mean())
    reason = (
        f"the holdout begins at {utc(holdout.begins):%Y-%m-%d %H:%M}, but the {name} learned from data up to "
        f"{utc(trained_to):%Y-%m-%d %H:%M}: they can be compared only on what came after"
    )
    seconds = holdout.begins - trained_to
    return Check(f"holdout:{name}", False, seconds, seconds, seconds, 0.0, len(holdout.candidate), mean, 0.0, reason)


def _above(name: str, candidate: Values, reference: Values, margin: float, rules: GateRules) -> Check:
    interval = _interval(candidate, reference, rules)
    bound = -margin * float(reference.mean())
    passed = interval.lower > bound
    reason = (
        f"{rules.metric} minus that of {name} is {interval.mean:+.5f} [{interval.lower:+.5f}, {interval.upper:+.5f}] "
        f"over {interval.users} users; the lower bound {'is' if passed else 'must be'} above {bound:+.5f}"
    )
    return _check(name, passed, interval, bound, candidate, reference, reason)


def _segment(name: str, candidate: Values, reference: Values, rules: GateRules) -> Check:
    interval = _interval(candidate, reference, rules)
    bound = -rules.segment_margin * float(reference.mean())
    passed = interval.upper >= bound
    reason = (
        f"{rules.metric} minus the champion's among {name} is {interval.mean:+.5f} [{interval.lower:+.5f}, "
        f"{interval.upper:+.5f}] over {interval.users} users; the whole interval "
        f"{'is not' if passed else 'must not lie'} below {bound:+.5f}"
    )
    return _check(f"segment:{name}", passed, interval, bound, candidate, reference, reason)


def _interval(candidate: Values, reference: Values, rules: GateRules) -> Interval:
    return difference(candidate, reference, level=rules.level, resamples=rules.resamples, seed=rules.seed)


def _check(
    name: str, passed: bool, interval: Interval, bound: float, candidate: Values, reference: Values, reason: str
) -> Check:
    return Check(
        name,
        passed,
        interval.mean,
        interval.lower,
        interval.upper,
        bound,
        interval.users,
        float(candidate.mean()),
        float(reference.mean()),
        reason,
    )


def _consistent(holdout: Holdout) -> None:
    arrays = {"candidate": holdout.candidate, "champion": holdout.champion, "anchor": holdout.anchor}
    arrays |= {f"baselines.{name}": one for name, one in holdout.baselines.items()}
    for name, values in arrays.items():
        if values is None:
            continue
        if values.shape != holdout.candidate.shape:
            raise InvalidInputError(name, f"has {len(values)} users, the candidate {len(holdout.candidate)}")
        if np.isnan(values).any():
            raise InvalidInputError(name, "holds NaN; every user of the holdout needs a value")
    for name, mask in holdout.segments.items():
        if mask.shape != holdout.candidate.shape or mask.dtype != np.bool_:
            raise InvalidInputError(f"segments.{name}", "must be a mask with one entry a user")
