"""Columns of what happened, gathered day by day."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.randomness import Floats, Ints

VIEW, CLICK, PURCHASE = 0, 1, 2
ACTIONS = ("view", "click", "purchase")

NO_REQUEST = -1


@dataclass(frozen=True)
class Actions:
    """Actions as columns [n]: rows of users and items, index into ACTIONS, epoch seconds, price or NaN, request."""

    users: Ints
    items: Ints
    actions: Ints
    times: NDArray[np.float64]
    values: Floats
    requests: Ints

    @classmethod
    def of(
        cls, users: Ints, items: Ints, action: int | Ints, times: NDArray[np.float64], requests: Ints | None = None
    ) -> "Actions":
        """Actions without a price."""
        count = len(users)
        return cls(
            users,
            items,
            np.broadcast_to(np.asarray(action, np.int64), count),
            times,
            np.full(count, np.nan, np.float32),
            np.full(count, NO_REQUEST) if requests is None else requests,
        )

    def kept(self, mask: NDArray[np.bool_]) -> "Actions":
        """The actions where ``mask`` [n] is true."""
        return Actions(
            self.users[mask],
            self.items[mask],
            self.actions[mask],
            self.times[mask],
            self.values[mask],
            self.requests[mask],
        )

    @classmethod
    def join(cls, parts: list["Actions"]) -> "Actions":
        """All parts in order of time."""
        names = ("users", "items", "actions", "times", "values", "requests")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        order = np.argsort(columns["times"], kind="stable")
        return cls(**{name: column[order] for name, column in columns.items()})


@dataclass(frozen=True)
class Shown:
    """Impressions as columns [n]; ``propensities`` is NaN where the slot was not drawn at random."""

    requests: Ints
    users: Ints
    items: Ints
    positions: Ints
    times: NDArray[np.float64]
    propensities: Floats

    @classmethod
    def join(cls, parts: list["Shown"]) -> "Shown":
        """All parts in the order given."""
        names = ("requests", "users", "items", "positions", "times", "propensities")
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
