"""Where the time holdout begins."""

import numpy as np
import numpy.typing as npt

DAY_SECONDS = 86400.0


def holdout_start(times: npt.NDArray[np.float64], share: float) -> float:
    """The latest UTC midnight with at least ``share`` of ``times`` (epoch seconds float64[n]) at or after it.

    Whole days where the data spans them; when everything lies within one day, the moment itself. Infinity without
    data.
    """
    if not len(times):
        return float("inf")
    moment = float(np.quantile(times, 1 - share, method="lower"))
    midnight = float(np.floor(moment / DAY_SECONDS) * DAY_SECONDS)
    return midnight if midnight > float(times.min()) else moment
