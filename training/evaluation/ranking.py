"""The place of every target in the list of all items that a user has not met: no sampled negatives.

Ties. Items of equal score stand in the order of one fixed random permutation of the catalogue. It is the same for
every model and user, so a result repeats to the last digit; and it knows neither popularity nor the order of the item
table, so a model gains nothing by giving many items one score, nor by how items are numbered (a constant score gets
what chance gets). An item scored -inf is one that the model does not recommend: it is in no list at all.
"""

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError

Scores = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]

NEVER = np.int32(2**31 - 1)
"""The rank of a target that is in no list: seen in training, or scored -inf."""

_SORT_FROM = 5
_TIE_SEED = 20261123


def tie_order(n_items: int) -> Rows:
    """int32[n_items]: the place of each item among items of equal score."""
    return np.random.default_rng(_TIE_SEED).permutation(n_items).astype(np.int32)


def without_seen(scores: Scores, seen_indptr: npt.NDArray[np.int64], seen_rows: Rows) -> Scores:
    """A copy of ``scores`` float32[b, n] with -inf where the user of that row has met the item.

    ``seen_indptr`` int64[b + 1] and ``seen_rows`` int32[…] are the users of this block. Raises InvalidInputError on a
    NaN: a model that does not know says -inf.
    """
    if np.isnan(scores).any():
        raise InvalidInputError("scores", "hold NaN; a model gives -inf to an item that it does not recommend")
    kept = scores.astype(np.float32, copy=True)
    users = np.repeat(np.arange(len(kept)), np.diff(seen_indptr))
    kept[users, seen_rows[seen_indptr[0] : seen_indptr[-1]]] = -np.inf
    return kept


def target_ranks(kept: Scores, target_indptr: npt.NDArray[np.int64], target_rows: Rows, ties: Rows) -> Rows:
    """int32[t], from 1: the rank of each target in its user's list; NEVER where it is in none.

    ``kept`` float32[b, n] comes from ``without_seen``; ``target_indptr`` int64[b + 1] and ``target_rows`` int32[…] are
    the users of this block; ``ties`` int32[n] from ``tie_order``.
    """
    start = target_indptr[0]
    ranks = np.full(int(target_indptr[-1] - start), NEVER, np.int32)
    for user, row in enumerate(kept):
        begin, end = int(target_indptr[user] - start), int(target_indptr[user + 1] - start)
        targets = target_rows[begin + start : end + start]
        values = row[targets]
        ascending = np.sort(row) if len(targets) >= _SORT_FROM else None
        for place, (target, value) in enumerate(zip(targets, values, strict=True), begin):
            if value == -np.inf:
                continue
            if ascending is None:
                above, equal = int(np.count_nonzero(row > value)), int(np.count_nonzero(row == value))
            else:
                right = int(np.searchsorted(ascending, value, side="right"))
                above, equal = len(row) - right, right - int(np.searchsorted(ascending, value, side="left"))
            before = int(np.count_nonzero(ties[row == value] < ties[target])) if equal > 1 else 0
            ranks[place] = 1 + above + before
    return ranks


def top(kept: Scores, k: int, ties: Rows) -> Rows:
    """int32[b, k]: the first ``k`` items of each user's list, best first; -1 where the list is shorter."""
    users, n_items = kept.shape
    lists = np.full((users, k), -1, np.int32)
    width = min(k, n_items)
    for user, row in enumerate(kept):
        chosen = np.flatnonzero(row > -np.inf)
        if len(chosen) > width:
            values = row[chosen]
            edge = np.partition(values, len(values) - width)[len(values) - width]
            above, level = chosen[values > edge], chosen[values == edge]
            level = level[np.argsort(ties[level])][: width - len(above)]
            chosen = np.concatenate([above, level])
        order = np.lexsort((ties[chosen], -row[chosen]))
        lists[user, : len(chosen)] = chosen[order]
    return lists
