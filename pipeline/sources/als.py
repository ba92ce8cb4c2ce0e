"""Items of the factorisation, for a user folded in from the history: no user factor is stored."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.ann import AnnIndex
from pipeline.artifacts import AlsFactors
from pipeline.candidates import Proposal
from pipeline.rows import union
from pipeline.sources.nothing import NOTHING
from pipeline.user import History, UserContext


def fold_in(history: History, als: AlsFactors) -> npt.NDArray[np.float32]:
    """The user's factor float32[k]: (YᵀY + α·YᵤᵀYᵤ + λhI)⁻¹ (1 + α)·Yᵤᵀ1 over the h distinct items of
    the history, Hu, Koren, Volinsky (ICDM 2008), eq. 4, with the ridge per action of ALS-WR, as Spark trains it."""
    rows = union([history.last(als.window).rows])
    factors = als.items[rows[rows < len(als.items)]]
    left = als.gram + np.float32(als.alpha) * (factors.T @ factors)
    left.flat[:: len(left) + 1] += als.regularisation * max(len(factors), 1)
    factor: npt.NDArray[np.float32] = np.linalg.solve(left, (1 + als.alpha) * factors.sum(axis=0)).astype(np.float32)
    return factor


@dataclass(frozen=True, slots=True)
class Als:
    """Candidates of the factorisation. ``index`` searches the item factors, all of them or the most popular."""

    model: AlsFactors
    index: AnnIndex
    name: str = "als"

    def propose(self, user: UserContext, count: int) -> Proposal:
        """See Source. Nothing for an empty history."""
        return self.index.search(fold_in(user.history, self.model), count) if len(user.history) else NOTHING
