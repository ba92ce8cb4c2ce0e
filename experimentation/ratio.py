"""Ratio metrics with the user as the unit: the delta method (Deng, Knoblich, Lu, KDD 2018; linearisation as in Budylin
et al., WSDM 2018).

CTR is R = Σ clicks / Σ impressions of an arm. A user's influence on it is ψ = (clicks − R · impressions) / mean
impressions: its mean is zero and R's variance is var(ψ) / users. A mean per user is the ratio with denominator 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """An arm's ratio: ``value``, the ``influence`` float64[users] of each user, and its ``variance`` (squared standard
    error)."""

    value: float
    influence: Values

    @property
    def users(self) -> int:
        return len(self.influence)

    @property
    def variance(self) -> float:
        """Squared standard error; 0 for fewer than two users."""
        return float(self.influence.var(ddof=1) / self.users) if self.users > 1 else 0.0


def ratio(numerator: Values, denominator: Values) -> Ratio:
    """The ratio of sums over users, float64[users] each. With nothing in the denominator it is 0, without influence."""
    total = float(denominator.sum())
    if total <= 0:
        return Ratio(0.0, np.zeros(len(numerator)))
    value = float(numerator.sum()) / total
    return Ratio(value, (numerator - value * denominator) / (total / len(denominator)))


@dataclass(frozen=True)
class Difference:
    """Treatment minus control: absolute with its standard error, and as a share of control (lift) with its own."""

    effect: float
    standard_error: float
    lift: float
    lift_standard_error: float
    users: int


def difference(treatment: Ratio, control: Ratio) -> Difference:
    """The difference of two arms. The lift is T/C − 1, its error by the delta method; 0 where control is 0."""
    effect = treatment.value - control.value
    error = float(np.sqrt(treatment.variance + control.variance))
    users = treatment.users + control.users
    if control.value == 0:
        return Difference(effect, error, 0.0, 0.0, users)
    share = treatment.value / control.value
    lift_error = float(np.sqrt(treatment.variance + share * share * control.variance)) / abs(control.value)
    return Difference(effect, error, share - 1, lift_error, users)
