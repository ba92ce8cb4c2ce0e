"""What the models of a run are asked on its time holdout."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.user import History
from training.datasets.user_features import UserFeatures
from training.evaluation.metrics import Ragged
from training.evaluation.segments import by_activity, by_gap, new_items
from training.jobs.dataset import DataSet

MOST_USERS = 2000


@dataclass(frozen=True)
class Questions:
    """One question a user: ``histories`` before the moment ``now`` float64[q], ``features`` float32[q, F] of the user
    as known then, the one item wanted of each in ``targets``; ``users`` int64[q] are their numbers."""

    histories: list[History]
    now: npt.NDArray[np.float64]
    features: npt.NDArray[np.float32]
    targets: Ragged
    users: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.users)


def ask(data: DataSet, features: UserFeatures, seed: int, most: int = MOST_USERS) -> Questions:
    """An action of the holdout at random among those on an item new to the user, for at most ``most`` users at random.

    What the user did before that action is the history (what serving would know), its time is now, its item the
    target. ``features`` are aligned with ``data.everything``.
    """
    chance = np.random.default_rng(seed)
    everything = data.everything
    held_out = np.flatnonzero(everything.times >= data.cut)
    asked: list[tuple[int, int]] = []
    for u in chance.permutation(np.unique(everything.user_of[held_out])).tolist():
        span = slice(int(everything.indptr[u]), int(everything.indptr[u + 1]))
        _, first = np.unique(everything.rows[span], return_index=True)
        fresh = first[everything.times[span][first] >= data.cut]
        if len(fresh):
            asked.append((u, int(chance.choice(fresh))))
        if len(asked) == most:
            break
    users = np.array([u for u, _ in asked], np.int64)
    places = everything.indptr[users] + np.array([at for _, at in asked], np.int64)
    return Questions(
        [everything.history(u, at) for u, at in asked],
        everything.times[places],
        features.values[places],
        Ragged.of([[int(row)] for row in everything.rows[places]]),
        users,
    )


def segments(data: DataSet, asked: Questions) -> dict[str, npt.NDArray[np.bool_]]:
    """Masks bool[q]: by the user's activity in training, by the time since the last action, and of new items."""
    if not len(asked):
        return {}
    gaps = [now - h.times[-1] if len(h) else np.nan for now, h in zip(asked.now, asked.histories, strict=True)]
    masks = by_activity(data.train.lengths[asked.users]) | by_gap(np.asarray(gaps))
    return masks | new_items(asked.targets, data.items.first_seen, data.cut)
