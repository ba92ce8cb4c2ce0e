"""Where the time holdout begins."""

import numpy as np
import numpy.typing as npt

DAY_SECONDS = 86400.0

LEAST_USERS = 300
"""Users that the holdout of a small data set is widened for: with fewer the gate cannot tell skill from luck."""

MOST_SHARE = 0.2
"""Of the actions, given up for them at most."""


def holdout_start(times: npt.NDArray[np.float64], users: npt.NDArray[np.int64], share: float) -> float:
    """The latest UTC midnight with at least ``share`` of the actions (``times`` epoch seconds float64[n] of ``users``
    int64[n]) at or after it, and with LEAST_USERS users where MOST_SHARE of the actions has them.

    Whole days where the data spans them; when everything lies within one day, the moment itself. Infinity without
    data.
    """
    if not len(times):
        return float("inf")
    newest = np.argsort(-times, kind="stable")
    _, first = np.unique(users[newest], return_index=True)
    needed = np.sort(first)[:LEAST_USERS][-1] + 1
    held = max(share * len(times), min(needed, MOST_SHARE * len(times)))
    moment = float(times[newest[min(int(np.ceil(held)), len(times) - 1)]])
    midnight = float(np.floor(moment / DAY_SECONDS) * DAY_SECONDS)
    return midnight if midnight > float(times.min()) else moment
