"""Every user's last action is the test, all else trains: what most published figures are measured by."""

import numpy as np

from contracts.errors import InvalidInputError
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.evaluation.metrics import Ragged
from training.protocols.split import Split, by_history, by_time_since

AT_LEAST = 5
"""Interactions that a user needs to be tested; those with fewer only train."""


def leave_last_out(sequences: Sequences, items: ItemTable) -> Split:
    """Every interaction counts as positive; ties in time stand as in the file. Raises InvalidInputError without times,
    or when no user has enough interactions."""
    if not sequences.ordered:
        raise InvalidInputError(
            "timestamp", "leave-last-out needs a timestamp column; without times use --protocol given-split"
        )
    users = np.flatnonzero(sequences.lengths >= AT_LEAST)
    if not len(users):
        raise InvalidInputError("interactions", f"no user has {AT_LEAST} of them, which leave-last-out needs")
    train = sequences.before_last(1, at_least=AT_LEAST)
    last = sequences.indptr[users + 1] - 1
    histories = [train.history(u) for u in users.tolist()]
    now = sequences.times[last]
    return Split(
        "leave-last-out",
        train,
        items.with_first_seen(train.first_seen()),
        histories,
        now,
        Ragged.of([history.rows for history in histories]),
        Ragged(np.arange(len(users) + 1), sequences.rows[last]),
        by_time_since(histories, now) | by_history(histories),
    )
