"""One arm against control on one metric, as it stood at every look."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from experimentation.cuped import adjust, covariates, strata
from experimentation.ratio import difference, ratio
from experimentation.sequence import half_width, p_value, tuning
from experimentation.users import Users, Values

MINIMUM_USERS = 100
"""Users an arm needs before its first look: the sequences are asymptotic."""

TUNED_TO = 3.0
"""The sequences are tightest at this many times the users of the first day: of those who return, most come on it. From
a sixth to twice the size at which a decision falls, the power changes by little."""

METHOD = "asymptotic confidence sequence over users with closed windows, delta method, CUPED"


@dataclass(frozen=True)
class Look:
    """One comparison at the end of one day. ``interval`` and ``lift_interval`` hold at all looks at once;
    ``fixed_interval`` and ``fixed_p_value`` only for one look planned beforehand. ``p_value`` is the smallest so far.
    Intervals are infinite before both arms have ``MINIMUM_USERS``."""

    day: int
    users: int
    control: float
    treatment: float
    effect: float
    interval: tuple[float, float]
    p_value: float
    lift: float
    lift_interval: tuple[float, float]
    fixed_interval: tuple[float, float]
    fixed_p_value: float
    variance_reduction: float

    @property
    def ready(self) -> bool:
        """Whether there were users enough for an interval."""
        return math.isfinite(self.interval[0])


def looks(
    users: Users,
    metric: str,
    treatment: int,
    days: Sequence[int],
    *,
    window_days: int,
    alpha: float,
    expected_users: float,
    cuped: bool = True,
) -> list[Look]:
    """The comparison of arm ``treatment`` with arm 0 at the end of each of ``days``, in order. ``expected_users`` tunes
    the sequence: the size at which a decision is hoped for, known without looking at outcomes."""
    rho_squared, smallest, found = tuning(expected_users, alpha), 1.0, []
    for day in days:
        look = _look(users.closed(day, window_days), metric, treatment, day, alpha, rho_squared, smallest, cuped=cuped)
        smallest = look.p_value
        found.append(look)
    return found


def _look(
    users: Users,
    metric: str,
    treatment: int,
    day: int,
    alpha: float,
    rho_squared: float,
    smallest: float,
    *,
    cuped: bool,
) -> Look:
    sides = [users.take(users.arm == arm) for arm in (0, treatment)]
    plain = [ratio(*side.parts(metric)) for side in sides]
    count = sum(len(side) for side in sides)
    if min(len(side) for side in sides) < MINIMUM_USERS:
        nothing = (-math.inf, math.inf)
        effect = plain[1].value - plain[0].value
        values = (plain[0].value, plain[1].value, effect)
        return Look(day, count, *values, nothing, smallest, 0.0, nothing, nothing, 1.0, 0.0)
    reduction = 0.0
    arms = plain
    if cuped:
        clicks, impressions, phase = (np.concatenate(one) for one in zip(*map(_past, sides), strict=True))
        past = np.column_stack([covariates(clicks, impressions), strata(phase)])
        arms, reduction = adjust(plain, [past[: len(sides[0])], past[len(sides[0]) :]])
    found = difference(arms[1], arms[0])
    half = half_width(found.standard_error, count, rho_squared, alpha)
    lift_half = half_width(found.lift_standard_error, count, rho_squared, alpha)
    fixed = NormalDist().inv_cdf(1 - alpha / 2) * found.standard_error
    z = found.effect / found.standard_error if found.standard_error > 0 else 0.0
    return Look(
        day,
        count,
        arms[0].value,
        arms[1].value,
        found.effect,
        (found.effect - half, found.effect + half),
        min(smallest, p_value(found.effect, found.standard_error, count, rho_squared)),
        found.lift,
        (found.lift - lift_half, found.lift + lift_half),
        (found.effect - fixed, found.effect + fixed),
        math.erfc(abs(z) / math.sqrt(2)),
        reduction,
    )


def _past(users: Users) -> tuple[Values, Values, npt.NDArray[np.int16]]:
    return users.before_clicks, users.before_impressions, users.phase
