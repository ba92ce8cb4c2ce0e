"""Last actions of some users, kept out of training to see how it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.user import History
from training.datasets.sequences import Sequences
from training.models.fitted import Scores

_AT = 10
_SCORES_AT_ONCE = 20_000_000


class _Scorer(Protocol):
    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores: ...


@dataclass(frozen=True)
class Validation:
    """``trains`` bool[N] leaves out the last action of each of ``users``, which is ``targets`` int32[v] at ``now``."""

    trains: npt.NDArray[np.bool_]
    users: int
    histories: list[History]
    now: npt.NDArray[np.float64]
    targets: npt.NDArray[np.int32]
    items: int

    @classmethod
    def of(cls, sequences: Sequences, users: int, seed: int) -> "Validation":
        """Of at most ``users`` users, and at most one in ten, each with three actions or more."""
        able = np.flatnonzero(sequences.lengths >= 3)
        count = min(users, len(able) // 10)
        chosen = np.sort(np.random.default_rng(seed).choice(able, count, replace=False)) if count else able[:0]
        last = sequences.indptr[chosen + 1] - 1
        trains = np.ones(len(sequences), bool)
        trains[last] = False
        histories = [sequences.history(u, end=-1) for u in chosen.tolist()]
        return cls(trains, count, histories, sequences.times[last], sequences.rows[last], sequences.items)

    def ndcg(self, model: _Scorer) -> float:
        """Mean NDCG@10 over all items that the user has not met; 0 without users."""
        gains = []
        size = max(_SCORES_AT_ONCE // max(self.items, 1), 1)
        for start in range(0, self.users, size):
            span = slice(start, start + size)
            histories, target = self.histories[span], self.targets[span]
            scores = model.scores(histories, self.now[span])
            own = scores[np.arange(len(target)), target]
            row = np.repeat(np.arange(len(target)), [len(h) for h in histories])
            scores[row, np.concatenate([h.rows for h in histories])] = -np.inf
            rank = (scores > own[:, None]).sum(axis=1)
            gains.append(np.where(rank < _AT, 1.0 / np.log2(rank + 2.0), 0.0))
        return float(np.concatenate(gains).mean()) if gains else 0.0
