"""Neighbours of what the user acted on, by cosine of the users they share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.ann import best
from pipeline.candidates import Proposal
from pipeline.sources.nothing import NOTHING
from pipeline.sparse import SparseRows
from pipeline.user import History, UserContext

WINDOW = 50
"""Last actions whose neighbours are summed: bounds the time of a request."""


def item_knn_scores(history: History, neighbours: SparseRows) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Σ cosine over the distinct items of the last WINDOW actions: columns int32[m], ascending, scores float32[m]."""
    items = np.unique(history.last(WINDOW).rows)
    return neighbours.weighted_sum(items, np.ones(len(items), np.float32))


@dataclass(frozen=True, slots=True)
class ItemKnn:
    """Candidates of item-based neighbourhoods."""

    neighbours: SparseRows
    name: str = "item_knn"

    def propose(self, user: UserContext, count: int) -> Proposal:
        """See Source. Nothing for an empty history."""
        if not len(user.history):
            return NOTHING
        columns, scores = item_knn_scores(user.history, self.neighbours)
        top = best(scores, count)
        return Proposal(columns[top], scores[top])
