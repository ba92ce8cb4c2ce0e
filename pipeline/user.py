"""What a request knows of its user, in the terms of one release: item rows instead of ids."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class History:
    """A user's recent actions, oldest first; items that the release does not know are left out.

    ``rows`` int32[h] are rows of the release's item table, ``actions`` int8[h] are codes of
    ``contracts.events.ACTION_CODES``, ``times`` float64[h] epoch seconds. Where data has no times
    (``ordered`` false) the history is a set: no model may read its order.
    """

    rows: npt.NDArray[np.int32]
    actions: npt.NDArray[np.int8]
    times: npt.NDArray[np.float64]
    ordered: bool = True

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls) -> "History":
        """The history of a user who has done nothing."""
        return cls(np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.float64))

    def last(self, n: int) -> "History":
        """The ``n`` most recent actions."""
        start = max(len(self.rows) - n, 0)
        return History(self.rows[start:], self.actions[start:], self.times[start:], self.ordered)


@dataclass(frozen=True, slots=True)
class UserContext:
    """One user at one moment, as every source, ranker and rule sees them.

    ``seen`` int32[s], ascending, are item rows to be left out (a superset of the history where more is kept);
    ``vector`` float32[d] is the user tower's output for this history under this release, None when there is none,
    and ``stale_vector`` its output for an earlier history, where only that is known;
    ``features`` are the batch features of the user by name; ``now`` is the moment of the request, epoch seconds.
    """

    user_id: str
    now: float
    history: History
    seen: npt.NDArray[np.int32]
    vector: npt.NDArray[np.float32] | None = None
    features: dict[str, float] = field(default_factory=dict)
    stale_vector: npt.NDArray[np.float32] | None = None
