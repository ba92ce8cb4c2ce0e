"""Neighbours of what the user acted on, by cosine of the users they share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.ann import best
from pipeline.candidates import Proposal
from pipeline.rows import union
from pipeline.sources.nothing import NOTHING
from pipeline.sparse import SparseRows
from pipeline.user import History, UserContext

WINDOW = 50
"""Last actions whose neighbours are summed: bounds the time of a request."""


def recent(history: History) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The distinct items of the last WINDOW actions, all of weight 1: the model's score is the sum of their rows."""
    items = union([history.last(WINDOW).rows])
    return items, np.ones(len(items), np.float32)


@dataclass(frozen=True, slots=True)
class ItemKnn:
    """Candidates of item-based neighbourhoods."""

    neighbours: SparseRows
    name: str = "item_knn"

    def propose(self, user: UserContext, count: int) -> Proposal:
        """See Source. Nothing for an empty history."""
        if not len(user.history):
            return NOTHING
        columns, scores = self.neighbours.weighted_sum(*recent(user.history))
        top = best(scores, count)
        return Proposal(columns[top], scores[top])
