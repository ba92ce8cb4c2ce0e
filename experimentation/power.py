"""How many users and days an experiment needs, before it starts.

Fixed horizon: n per arm = 2 (z_{1−α/2} + z_{power})² σ² / δ² for equal arms (the textbook formula; Kohavi, Tang, Xu,
Trustworthy Online Controlled Experiments, 17). Sequential: the same with the half-width of the confidence sequence,
tuned to that size, in place of z_{1−α/2}.
"""

import math
from dataclasses import dataclass

from scipy.stats import norm

from contracts.errors import InvalidInputError
from experimentation.sequence import half_width, tuning

MAXIMUM_DAYS = 3650


@dataclass(frozen=True)
class Plan:
    """Users over both arms, and days until the last of their windows has closed (None: not within ten years)."""

    fixed_users: int
    sequential_users: int
    days_fixed: int | None
    days_sequential: int | None
    inflation: float


def plan(
    *,
    baseline: float,
    lift: float,
    deviation: float,
    users_per_day: float,
    window_days: int,
    alpha: float = 0.05,
    power: float = 0.8,
    share: float = 0.5,
) -> Plan:
    """``baseline`` is control's metric, ``deviation`` the standard deviation of a user's influence on it (for a rate a
    user: sqrt(p (1 − p))), ``users_per_day`` newly exposed over both arms, ``share`` that of the treatment.

    Raises InvalidInputError naming the value that cannot be.
    """
    for name, value in {"baseline": baseline, "deviation": deviation, "users_per_day": users_per_day}.items():
        if not value > 0:
            raise InvalidInputError(name, "must be above zero")
    if lift == 0 or not 0 < alpha < 1 or not 0 < power < 1 or not 0 < share < 1:
        raise InvalidInputError("lift", "must not be zero; alpha, power and share lie between 0 and 1")
    variance = deviation**2 * (1 / share + 1 / (1 - share))
    effect = abs(baseline * lift)
    reach = float(norm.ppf(power))
    fixed = variance * ((float(norm.ppf(1 - alpha / 2)) + reach) / effect) ** 2
    bound = half_width(1.0, 1.0, tuning(1.0, alpha), alpha)
    sequential = variance * ((bound + reach) / effect) ** 2
    return Plan(
        math.ceil(fixed),
        math.ceil(sequential),
        _days(fixed, users_per_day, window_days),
        _days(sequential, users_per_day, window_days),
        sequential / fixed,
    )


def _days(users: float, users_per_day: float, window_days: int) -> int | None:
    days = math.ceil(users / users_per_day) + window_days
    return days if days <= MAXIMUM_DAYS else None
