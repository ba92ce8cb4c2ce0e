"""What another release would have earned in a slot that was drawn at random, from logs alone.

Logged are, for one slot of some requests, the item that was drawn, its chance p and the reward r (a click or
purchase). The policy that is judged fills the slot evenly from its own ``k`` items, so the logged item has chance
π = 1/k where it is among them, else 0, and weight w = π / p:

- IPS, Σ w r / n (Horvitz, Thompson, JASA 1952): unbiased, noisy.
- SNIPS, Σ w r / Σ w (Swaminathan, Joachims, NeurIPS 2015): hardly biased, steadier.
- Doubly robust, Σ (q(π) + w (r − q(a))) / n (Dudík, Langford, Li, ICML 2011): q is a guess of the reward; it stays
  unbiased however bad q is, since p is known, and is steadier the better q is.

Effective sample size (Σ w)² / Σ w² (Kish 1965) says how many of the requests really speak; below
``MINIMUM_EFFECTIVE`` no estimate is given. A user counts as a whole: intervals resample users.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MINIMUM_EFFECTIVE = 100.0
RESAMPLES = 1000
LEVEL = 0.95

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """Slots that were drawn, a row each: the number of the user int64 [n]; propensity, the chance ``target`` that the
    judged policy gives the logged item, reward, and the guessed rewards of the logged item and of the policy, float64
    [n]."""

    user: npt.NDArray[np.int64]
    propensity: Values
    target: Values
    reward: Values
    guess_logged: Values
    guess_policy: Values

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Value:
    """An estimate of the reward a slot, with its interval."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class OffPolicy:
    """``slots`` drawn, the effective sample size, and the estimates; None below MINIMUM_EFFECTIVE. ``logged`` is what
    the draw itself earned."""

    slots: int
    effective: float
    logged: float | None
    ips: Value | None = None
    snips: Value | None = None
    doubly_robust: Value | None = None


def estimate(drawn: Drawn, seed: int) -> OffPolicy:
    """The three estimates, with percentile intervals over users."""
    weight = drawn.target / drawn.propensity
    squared = float((weight**2).sum())
    effective = float(weight.sum()) ** 2 / squared if squared else 0.0
    logged = float(drawn.reward.mean()) if len(drawn) else None
    if effective < MINIMUM_EFFECTIVE:
        return OffPolicy(len(drawn), effective, logged)
    robust = drawn.guess_policy + weight * (drawn.reward - drawn.guess_logged)
    columns = np.column_stack([np.ones(len(drawn)), weight, weight * drawn.reward, robust])
    _, place = np.unique(drawn.user, return_inverse=True)
    totals = np.zeros((place.max() + 1, columns.shape[1]))
    np.add.at(totals, place, columns)
    generator = np.random.default_rng(seed)
    draws = np.stack([totals[generator.integers(0, len(totals), len(totals))].sum(axis=0) for _ in range(RESAMPLES)])
    sums = totals.sum(axis=0)

    def value(of: Callable[[Values], Values]) -> Value:
        lower, upper = np.quantile(of(draws.T), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Value(float(of(sums)), float(lower), float(upper))

    return OffPolicy(
        len(drawn),
        effective,
        logged,
        value(lambda total: total[2] / total[0]),
        value(lambda total: total[2] / total[1]),
        value(lambda total: total[3] / total[0]),
    )
