"""Sources that know only the items: the same for every user, computed when the item table changes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.ann import best
from pipeline.candidates import Proposal
from pipeline.items import Items
from pipeline.rows import among
from pipeline.user import UserContext

KEPT = 5000
"""Items kept of a list: enough for any count after a heavy user's seen items are taken out."""


@dataclass(frozen=True, slots=True)
class BestOfAll:
    """The items that score highest for everybody."""

    name: str
    ranking: Proposal

    def propose(self, user: UserContext, count: int) -> Proposal:
        """See Source. Skips what the user has seen, so that heavy users get a full list too."""
        rows = self.ranking.rows[: count + len(user.seen)]
        kept = np.flatnonzero(~among(rows, user.seen))[:count]
        return Proposal(rows[kept], self.ranking.scores[kept])


def _ranking(scores: npt.NDArray[np.float32], above_zero: bool) -> Proposal:
    top = best(scores, KEPT)
    if above_zero:
        top = top[scores[top] > 0]
    return Proposal(top.astype(np.int32), scores[top])


def popular(items: Items) -> BestOfAll:
    """What most people acted on, ever. Names every item of a small catalogue, so it is never empty."""
    return BestOfAll("popular", _ranking(items.popular, above_zero=False))


def trending(items: Items) -> BestOfAll:
    """What people act on now."""
    return BestOfAll("trending", _ranking(items.trending, above_zero=True))
