"""Team-draft interleaving: two rankers share one list, and clicks say whose items people prefer. A quick first look.

Drafting: Radlinski, Kurup, Joachims (CIKM 2008). In each round a coin says which ranker picks first; each picks its
best item that is not in the list yet. The clicks of a user on each team's items are a paired comparison, so far fewer
users are needed than between two arms (Chapelle, Joachims, Radlinski, Yue, TOIS 2012). The analysis is per user, with
the same confidence sequence as elsewhere. It says who is preferred, not by how much the click rate would rise.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from experimentation.sequence import half_width, p_value, tuning

Item = TypeVar("Item", bound=Hashable)

TEAMS = ("a", "b")


def team_draft(
    first: Sequence[Item], second: Sequence[Item], count: int, coin: Callable[[], bool]
) -> list[tuple[Item, str]]:
    """Up to ``count`` items with the team that each plays for. ``coin()`` true lets ``first`` (team a) pick first in a
    round; make it a hash of the request, so that the answer repeats."""
    taken: set[Item] = set()
    places, rankings = [0, 0], (first, second)
    drafted: list[tuple[Item, str]] = []
    while len(drafted) < count:
        before = len(drafted)
        for team in (0, 1) if coin() else (1, 0):
            ranking = rankings[team]
            while places[team] < len(ranking) and ranking[places[team]] in taken:
                places[team] += 1
            if places[team] < len(ranking) and len(drafted) < count:
                item = ranking[places[team]]
                taken.add(item)
                drafted.append((item, TEAMS[team]))
        if len(drafted) == before:
            break
    return drafted


@dataclass(frozen=True)
class Preference:
    """``preference`` is the mean over users who clicked of (clicks on b − clicks on a) / (both): from −1 (all prefer a)
    to 1 (all prefer b). ``interval`` and ``p_value`` may be looked at any time, the fixed ones once."""

    preference: float
    interval: tuple[float, float]
    p_value: float
    fixed_interval: tuple[float, float]
    users: int


def preference(
    clicks_a: npt.NDArray[np.float64],
    clicks_b: npt.NDArray[np.float64],
    *,
    expected_users: float,
    alpha: float = 0.05,
) -> Preference:
    """Who is preferred, from each user's clicks on either team, float64[users]. Users without a click say nothing.
    Fewer than two users who clicked: no preference, and the widest interval there is."""
    total = clicks_a + clicks_b
    clicked = total > 0
    scores = (clicks_b[clicked] - clicks_a[clicked]) / total[clicked]
    users = len(scores)
    if users < 2:
        return Preference(0.0, (-1.0, 1.0), 1.0, (-1.0, 1.0), users)
    mean, error = float(scores.mean()), float(scores.std(ddof=1) / np.sqrt(users))
    rho_squared = tuning(expected_users, alpha)
    half = half_width(error, users, rho_squared, alpha)
    fixed = float(norm.ppf(1 - alpha / 2)) * error
    found = p_value(mean, error, users, rho_squared)
    return Preference(mean, (mean - half, mean + half), found, (mean - fixed, mean + fixed), users)
