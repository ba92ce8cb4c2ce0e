"""Rows by key: which come first, and which are new."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

_POSITION = "position of the row"


def _numbered(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    return rows.select(list(key)).append_column(_POSITION, pa.array(np.arange(rows.num_rows)))


def _take(rows: pa.Table, positions: pa.ChunkedArray) -> pa.Table:
    return rows if len(positions) == rows.num_rows else rows.take(pa.array(np.sort(positions.to_numpy())))


def first_of_each(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """The first row of each value of the ``key`` columns, in the order given."""
    groups = _numbered(rows, key).group_by(list(key)).aggregate([(_POSITION, "min")])
    return _take(rows, groups[f"{_POSITION}_min"])


def missing_from(rows: pa.Table, existing: pa.Table, key: Sequence[str]) -> pa.Table:
    """The rows whose ``key`` is not in ``existing``, in the order given."""
    if not existing.num_rows:
        return rows
    fresh = _numbered(rows, key).join(existing.select(list(key)), keys=list(key), join_type="left anti")
    return _take(rows, fresh[_POSITION])


def last_of_each(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """The last row of each value of the ``key`` columns, in the order given."""
    groups = _numbered(rows, key).group_by(list(key)).aggregate([(_POSITION, "max")])
    return _take(rows, groups[f"{_POSITION}_max"])


def differing(rows: pa.Table, existing: pa.Table, key: Sequence[str]) -> pa.Table:
    """The rows that ``existing`` does not have just so. Both have the same columns and one row a key."""
    named = list(zip(*(existing[name].to_pylist() for name in key), strict=True))
    known = dict(zip(named, range(existing.num_rows), strict=True))
    values = list(zip(*(rows[name].to_pylist() for name in key), strict=True))
    at = [known.get(value) for value in values]
    old = existing.take(pa.array([0 if row is None else row for row in at], pa.int64())) if existing.num_rows else rows
    same = np.array([row is not None for row in at], bool)
    for name in rows.column_names:
        if same.any():
            pairs = zip(rows[name].to_pylist(), old[name].to_pylist(), strict=True)
            same &= np.array([new == was for new, was in pairs], bool)
    return rows.filter(pa.array(~same))
