"""Histories of several users as one sparse matrix."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipeline.user import History


def history_matrix(
    histories: Sequence[History], n_items: int, *, half_life: float | None = None, window: int | None = None
) -> sparse.csr_matrix:
    """float32[b, n_items] with 1 for each item of a history.

    With ``half_life`` (in actions) the action ``k`` back from the latest weighs ``2 ** (-k / half_life)`` and the
    latest action with an item counts; an unordered history, whose order says nothing, stays at 1. ``window`` leaves
    only the latest actions.
    """
    lengths = np.asarray([len(h) for h in histories], np.int64)
    rows = np.concatenate([h.rows for h in histories]) if histories else np.empty(0, np.int32)
    user = np.repeat(np.arange(len(histories)), lengths)
    back = np.repeat(np.cumsum(lengths), lengths) - 1 - np.arange(len(rows))
    ordered = np.repeat(np.asarray([h.ordered for h in histories], bool), lengths)
    weights = np.ones(len(rows), np.float32)
    if half_life is not None:
        weights = np.where(ordered, 2.0 ** (-back / half_life), 1.0).astype(np.float32)
    if window is not None:
        weights[ordered & (back >= window)] = 0
    matrix = _maximum(user, rows, weights, (len(histories), n_items))
    matrix.eliminate_zeros()
    return matrix


def _maximum(
    user: npt.NDArray[np.int64], rows: npt.NDArray[np.int32], weights: npt.NDArray[np.float32], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """A sparse matrix where a repeated cell takes its largest weight."""
    order = np.lexsort((-weights, rows, user))
    user, rows, weights = user[order], rows[order], weights[order]
    first = np.ones(len(user), bool)
    first[1:] = (user[1:] != user[:-1]) | (rows[1:] != rows[:-1])
    return sparse.csr_matrix((weights[first], (user[first], rows[first])), shape=shape)
