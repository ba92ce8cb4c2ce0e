"""New items that hardly anyone has acted on yet: no behaviour names them, so their features must."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.ann import best
from pipeline.artifacts import Artifacts
from pipeline.candidates import Proposal
from pipeline.user import UserContext

FEW_ACTIONS = 5
"""An item with at most this many actions, ever, is new to everyone."""
KEPT = 2000
"""Newest items that compete."""


@dataclass(frozen=True, slots=True)
class NewItems:
    """``rows`` int32[m], newest first, and their vectors float32[m, d]."""

    rows: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.float32]
    name: str = "new"

    def propose(self, user: UserContext, count: int) -> Proposal:
        """See Source. By the user's vector; newest first for a user without one."""
        if user.vector is None or not self.vectors.shape[1]:
            newest = -np.arange(min(count, len(self.rows)), dtype=np.float32)
            return Proposal(self.rows[:count], newest)
        scores = self.vectors @ user.vector
        top = best(scores, count)
        return Proposal(self.rows[top], scores[top])


def new_items(artifacts: Artifacts) -> NewItems:
    """The newest items with at most FEW_ACTIONS actions; items of unknown age come last."""
    rows = np.flatnonzero(artifacts.items.count <= FEW_ACTIONS)
    born = artifacts.items.born[rows]
    kept = rows[best(np.where(np.isnan(born), -np.inf, born), KEPT)].astype(np.int32)
    return NewItems(kept, artifacts.vectors_of(kept))
