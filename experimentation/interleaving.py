"""Which of two interleaved rankings people prefer: a quick first look.

The clicks of a user on each team's items are a paired comparison, so far fewer users are needed than between two arms
(Chapelle, Joachims, Radlinski, Yue, TOIS 2012). The analysis is per user, with the same confidence sequence as
elsewhere. It says who is preferred, not by how much the click rate would rise.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from experimentation.comparison import MINIMUM_USERS, Look
from experimentation.sequence import half_width, p_value, tuning
from experimentation.users import Users, Values

METRIC = "preference"
METHOD = "team-draft interleaving, asymptotic confidence sequence over users with closed windows who clicked"


def preferences(
    users: Users, days: Sequence[int], *, window_days: int, alpha: float, expected_users: float
) -> list[Look]:
    """The preference at the end of each of ``days``, from rows in pairs: each user's team 0, then team 1."""
    found: list[Look] = []
    for day in days:
        closed = users.closed(day, window_days)
        look = preference(closed.clicks[0::2], closed.clicks[1::2], day, alpha=alpha, expected_users=expected_users)
        found.append(replace(look, p_value=min([look.p_value, *(one.p_value for one in found[-1:])])))
    return found


def preference(first: Values, second: Values, day: int, *, alpha: float, expected_users: float) -> Look:
    """From each user's clicks on either team, float64[users]; users without a click say nothing. ``effect`` (and
    ``lift``, which is the same here) is the mean of (second − first) / (first + second): from −1, all prefer the
    first, to 1. ``control`` and ``treatment`` are the mean shares of a user's clicks."""
    total = first + second
    clicked = total > 0
    scores = (second[clicked] - first[clicked]) / total[clicked]
    users = len(scores)
    mean = float(scores.mean()) if users else 0.0
    shares = ((1 - mean) / 2, (1 + mean) / 2)
    if users < MINIMUM_USERS:
        unknown = (-math.inf, math.inf)
        return Look(day, users, *shares, mean, unknown, 1.0, mean, unknown, unknown, 1.0, 0.0)
    error = float(scores.std(ddof=1) / np.sqrt(users))
    rho_squared = tuning(expected_users, alpha)
    half = half_width(error, users, rho_squared, alpha)
    fixed = NormalDist().inv_cdf(1 - alpha / 2) * error
    interval = (mean - half, mean + half)
    return Look(
        day,
        users,
        *shares,
        mean,
        interval,
        p_value(mean, error, users, rho_squared),
        mean,
        interval,
        (mean - fixed, mean + fixed),
        math.erfc(abs(mean / error) / math.sqrt(2)) if error > 0 else 1.0,
        0.0,
    )
