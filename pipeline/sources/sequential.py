"""Items that follow what the user just did: weights of the last actions, faded by how many actions ago they were."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.ann import best
from pipeline.artifacts import SequentialWeights
from pipeline.candidates import Proposal
from pipeline.sources.nothing import NOTHING
from pipeline.user import History, UserContext


def faded(history: History, model: SequentialWeights) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The distinct items of the last ``window`` actions and what each still weighs, 2^(−lag / half_life), lag 0 the
    latest action (an item done twice counts once, at its latest); a history without order is read whole and unfaded.
    The model's score is the sum of their rows so weighted."""
    recent = history.last(model.window) if history.ordered else history
    rows, lag = np.unique(recent.rows[::-1], return_index=True)
    fade = np.exp2(-lag / model.half_life) if history.ordered else np.ones(len(rows))
    return rows, fade.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Sequential:
    """Candidates of the sequential linear model."""

    model: SequentialWeights
    name: str = "sequential"

    def propose(self, user: UserContext, count: int) -> Proposal:
        """See Source. Nothing for an empty history."""
        if not len(user.history):
            return NOTHING
        columns, scores = self.model.weights.weighted_sum(*faded(user.history, self.model))
        top = best(scores, count)
        return Proposal(columns[top], scores[top])
