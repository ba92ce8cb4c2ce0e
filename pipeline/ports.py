"""Ports: what the chain needs from outside. The gateway brings Redis, gRPC and experiments; evaluation brings arrays.

All ports are synchronous: the gateway runs ``Chain.run`` in a worker thread (numpy, ScaNN, gRPC and sockets release the
interpreter), evaluation calls it directly. ``timeout`` is the time left, seconds. An adapter raises
``contracts.errors.UnavailableError`` or ``TimeoutError`` for whatever its library throws; the chain then falls back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.candidates import Candidates
from pipeline.request import Request, UserRow
from pipeline.user import History, UserContext

if TYPE_CHECKING:
    from pipeline.served import ServedRelease


ItemAge = Callable[[float], float]
"""Seconds since the item table was last as the online store had it, at ``now`` (epoch seconds)."""


class UserRows(Protocol):
    """The online store of users."""

    def fetch(self, user_id: str, now: float, timeout: float) -> UserRow:
        """The user's row in one round trip, with the vectors of every release in force. A user who is not in the
        store gives ``UserRow(user_id)``, state missing: that is no fault."""
        ...


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which release and rules answer this user; ``experiment`` and ``arm`` are None when the user is in none."""

    served: "ServedRelease"
    experiment: str | None = None
    arm: str | None = None


class Arms(Protocol):
    """Which arm a user belongs to. Sticky: the same user gives the same arm while the experiment runs."""

    def assign(self, request: Request, row: UserRow) -> Assigned: ...

    def champion(self) -> Assigned:
        """What answers when assignment fails."""
        ...


class UserTower(Protocol):
    """The release's user tower, for users whose vector the store does not hold."""

    def vector(
        self, history: History, features: dict[str, float], now: float, timeout: float
    ) -> npt.NDArray[np.float32]:
        """float32[d]."""
        ...


class Ranker(Protocol):
    """Scores candidates; only the order of the scores means anything."""

    @property
    def name(self) -> str: ...

    @property
    def top(self) -> int:
        """How many of the best candidates, in retrieval order, it scores; the others keep their order below."""
        ...

    def score(
        self, user: UserContext, candidates: Candidates, features: npt.NDArray[np.float32], timeout: float
    ) -> npt.NDArray[np.float32]:
        """float32[n] for ``features`` float32[n, K] (columns RANKING_FEATURES), n ≤ ``top``."""
        ...
