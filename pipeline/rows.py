"""Sets of item rows, as sorted arrays: what ``numpy.unique`` and ``numpy.isin`` do, at a fraction of the time for the
thousand rows of a request."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

NONE = np.empty(0, np.int32)


def union(parts: Sequence[Rows]) -> Rows:
    """All rows of ``parts``, ascending, each once."""
    rows = np.sort(np.concatenate([NONE, *parts]))
    if len(rows) < 2:
        return rows
    return rows[np.concatenate(([True], rows[1:] != rows[:-1]))]


def among(rows: Rows, chosen: Rows) -> Mask:
    """Which of ``rows`` are in ``chosen``, which ascends; bool[n]."""
    if not len(chosen):
        return np.zeros(len(rows), np.bool_)
    at = np.searchsorted(chosen, rows)
    found: Mask = chosen[np.minimum(at, len(chosen) - 1)] == rows
    return found


def by_first(rows: Rows, checks: Iterable[tuple[str, Mask]]) -> list[tuple[str, Rows]]:
    """The rows that each named check hits, without those that an earlier one hit; checks that hit none are left out."""
    left, groups = np.ones(len(rows), np.bool_), []
    for name, hit in checks:
        found = hit & left
        if found.any():
            groups.append((name, rows[found]))
            left &= ~hit
    return groups
