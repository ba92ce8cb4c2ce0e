"""What the analysis reads: one row a user, fixed once the user's window has closed.

The estimand. A user enters at the first exposure and counts what happens in the ``window_days`` after it, nothing
later. At a look on day d only users whose window closed by then are in. So an observation is made once and never
changes, users who return every day are still one observation, and the sequence of users is what the theory asks for.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError

Values = npt.NDArray[np.float64]

METRICS = {
    "ctr": ("clicks", "impressions"),
    "conversion_rate": ("converted", None),
    "conversions_per_user": ("conversions", None),
    "clicks_per_user": ("clicks", None),
    "impressions_per_user": ("impressions", None),
    "revenue_per_user": ("revenue", None),
}
"""Metric → column summed above the line, and below it (None: the number of users). Higher is better in all."""

INTEGERS = {"arm": np.int16, "day": np.int32, "phase": np.int16, "cohort": np.int16}
"""The columns of ``Users`` that are no counts."""


@dataclass(frozen=True)
class Users:
    """Columns of one length. ``arm`` int16 index into the experiment's arms; ``day`` int32 day of the first exposure,
    from the experiment's first; ``phase`` int16 the phase of enrolment it fell into, ``cohort`` int16 (-1: none known);
    the others float64: counts within the user's window, and ``before_…`` in the weeks before the first exposure."""

    arm: npt.NDArray[np.int16]
    day: npt.NDArray[np.int32]
    impressions: Values
    clicks: Values
    converted: Values
    conversions: Values
    revenue: Values
    before_impressions: Values
    before_clicks: Values
    phase: npt.NDArray[np.int16]
    cohort: npt.NDArray[np.int16]

    @classmethod
    def nobody(cls) -> "Users":
        """No users at all."""
        return cls(**{one.name: np.empty(0, INTEGERS.get(one.name, np.float64)) for one in fields(cls)})

    def __len__(self) -> int:
        return len(self.arm)

    def take(self, chosen: npt.NDArray[np.bool_]) -> "Users":
        """The users of a mask."""
        return Users(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})

    def closed(self, look_day: int, window_days: int) -> "Users":
        """Users whose window has closed by the end of ``look_day``, whenever on their first day they came."""
        return self.take(self.day + window_days <= look_day)

    def parts(self, metric: str) -> tuple[Values, Values]:
        """What stands above and below the line of ``metric``, a user each."""
        above, below = METRICS[known(metric)]
        return getattr(self, above), np.ones(len(self)) if below is None else getattr(self, below)


def known(metric: str) -> str:
    """``metric`` if there is such a one. Raises InvalidInputError naming all."""
    if metric not in METRICS:
        raise InvalidInputError("metric", f"{metric!r} is not one of {', '.join(METRICS)}")
    return metric
