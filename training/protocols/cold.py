"""Users and items that training never saw."""

import numpy as np

from contracts.errors import InvalidInputError
from pipeline.user import History
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.evaluation.metrics import Ragged
from training.protocols.split import Split, by_history

HELD_SHARE = 0.1
"""Share of the users, and of the items, that are held out of training."""

MOST_HELD_USERS = 5_000


def cold(sequences: Sequences, items: ItemTable, seed: int) -> Split:
    """Holds out a tenth of users (all that they did) and of items (all that was done with them).

    Each held-out user is asked four times: knowing nothing, one action, three, and all but the last; the next action
    is the target. Held-out items are in the catalogue but not in training; the segment ``cold_items`` are the
    questions whose answer is one of them, ``warm_items`` the others. Without times the order is a random one.
    Raises InvalidInputError when there are too few users or items to hold some out.
    """
    random = np.random.default_rng(seed)
    able = np.flatnonzero(sequences.lengths >= 1)
    held_users = random.permutation(able)[: min(int(len(able) * HELD_SHARE), MOST_HELD_USERS)]
    held_items = np.zeros(sequences.items, bool)
    held_items[random.permutation(sequences.items)[: int(sequences.items * HELD_SHARE)]] = True
    if not len(held_users) or not held_items.any():
        raise InvalidInputError("DATA", "too small to hold out a tenth of users and items, it needs ten of each")
    held = np.zeros(sequences.users, bool)
    held[held_users] = True
    train = sequences.keep(~held[sequences.user_of] & ~held_items[sequences.rows])
    histories: list[History] = []
    now: list[float] = []
    targets: list[int] = []
    for u in np.sort(held_users).tolist():
        everything = sequences.history(u)
        order = np.arange(len(everything)) if sequences.ordered else random.permutation(len(everything))
        for known in sorted({0, 1, 3, len(everything) - 1}):
            if known >= len(everything):
                continue
            past = order[:known]
            histories.append(
                History(everything.rows[past], everything.actions[past], everything.times[past], sequences.ordered)
            )
            now.append(float(everything.times[order[known]]))
            targets.append(int(everything.rows[order[known]]))
    target_rows = np.asarray(targets, np.int32)
    of_cold = held_items[target_rows]
    return Split(
        "cold",
        train,
        items.with_first_seen(train.first_seen()),
        histories,
        np.asarray(now),
        Ragged.of([history.rows for history in histories]),
        Ragged(np.arange(len(targets) + 1), target_rows),
        {"cold_items": of_cold, "warm_items": ~of_cold} | by_history(histories),
    )
