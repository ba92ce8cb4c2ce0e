"""Groups of users for whom a model may do differently than on average."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.evaluation.metrics import Ragged

Mask = npt.NDArray[np.bool_]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class Bounds:
    """Where the segments end: actions in training, and the days that an item counts as new."""

    new_below: int = 5
    light_below: int = 20
    heavy_from: int = 100
    new_item_days: float = 7.0


def by_activity(actions: npt.NDArray[np.integer], bounds: Bounds | None = None) -> dict[str, Mask]:
    """Masks bool[U] from the number of actions in training, int[U]: new_users, light_users, heavy_users."""
    at = bounds or Bounds()
    return {
        "new_users": actions < at.new_below,
        "light_users": (actions >= at.new_below) & (actions < at.light_below),
        "heavy_users": actions >= at.heavy_from,
    }


def by_gap(gap_seconds: npt.NDArray[np.float64]) -> dict[str, Mask]:
    """Masks bool[U] from the time between the last known action and the target, seconds float64[U]; NaN (no action
    before, or no times) is in no segment: within_a_minute, after_a_minute (to an hour), after_an_hour (to a day),
    after_a_day."""
    return {
        "within_a_minute": gap_seconds < MINUTE,
        "after_a_minute": (gap_seconds >= MINUTE) & (gap_seconds < HOUR),
        "after_an_hour": (gap_seconds >= HOUR) & (gap_seconds < DAY),
        "after_a_day": gap_seconds >= DAY,
    }


def new_items(
    targets: Ragged, first_seen: npt.NDArray[np.float64], now: float, bounds: Bounds | None = None
) -> dict[str, Mask]:
    """Mask bool[U] of users with a target that first appeared less than ``new_item_days`` before ``now`` or later.
    ``first_seen`` float64[n_items] epoch seconds; NaN is not new."""
    fresh = first_seen > now - (bounds or Bounds()).new_item_days * DAY
    counted = np.add.reduceat(fresh[targets.rows].astype(np.int64), targets.indptr[:-1])
    return {"new_items": counted > 0}
