"""How well a model foretells users' last actions."""

import numpy as np

from training.datasets.sequences import Sequences
from training.models.fitted import Fitted


def hit_rate(model: Fitted, sequences: Sequences, k: int = 5) -> float:
    """Share of users whose last action is in the first ``k`` of what they had not met."""
    users = list(range(sequences.users))
    last = sequences.indptr[1:] - 1
    histories = [sequences.history(u, end=-1) for u in users]
    scores = model.scores(histories, sequences.times[last])
    assert scores.shape == (sequences.users, sequences.items)
    assert scores.dtype == np.float32
    for row, history in zip(scores, histories, strict=True):
        row[np.setdiff1d(history.rows, sequences.rows[last])] = -np.inf
    own = scores[np.arange(len(users)), sequences.rows[last]]
    return float(((scores > own[:, None]).sum(axis=1) < k).mean())
