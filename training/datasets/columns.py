"""Arrow columns as the arrays that data sets are made of."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import InvalidInputError
from contracts.events import ACTION_CODES, Action


def text(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of ids as text. Raises InvalidInputError when it is absent or has empty cells."""
    if name not in table.column_names:
        raise InvalidInputError(name, f"the table has no such column, it has {', '.join(table.column_names)}")
    column = table.column(name)
    if column.null_count:
        raise InvalidInputError(name, f"{column.null_count} rows have no value, every row needs one")
    return column if pa.types.is_string(column.type) else pc.cast(column, pa.string())


def codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Dictionary codes int64[n] of a text column and the distinct values in order of first appearance."""
    encoded = (
        column.combine_chunks().dictionary_encode() if column.num_chunks != 1 else column.chunk(0).dictionary_encode()
    )
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def epoch_seconds(table: pa.Table, name: str) -> npt.NDArray[np.float64] | None:
    """A column of times as float64[n] epoch seconds, NaN where empty. None when it is absent or has no value at all.

    Timestamps and dates are UTC; a number is epoch seconds, or milliseconds when its size says so (above 1e11).
    """
    if name not in table.column_names or table.column(name).null_count == len(table):
        return None
    column = table.column(name)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        micros = pc.cast(pc.cast(column, pa.timestamp("us", getattr(column.type, "tz", None))), pa.int64())
        return np.asarray(pc.cast(micros, pa.float64(), safe=False).to_numpy(), np.float64) / 1e6
    values = np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(), np.float64)
    return np.where(np.abs(values) > 1e11, values / 1e3, values)


def action_codes(table: pa.Table) -> npt.NDArray[np.int8]:
    """Codes of the column ``action``, int8[n]; a click where there is none. Raises InvalidInputError for others."""
    if "action" not in table.column_names:
        return np.full(len(table), ACTION_CODES[Action.CLICK], np.int8)
    column = pc.fill_null(table.column("action"), Action.CLICK.value)
    at, names = codes(pc.cast(column, pa.string()))
    unknown = sorted(set(names) - {action.value for action in Action})
    if unknown:
        allowed = ", ".join(action.value for action in Action)
        raise InvalidInputError("action", f"{unknown[0]!r} is not one of {allowed}")
    return np.asarray([ACTION_CODES[Action(name)] for name in names] or [0], np.int8)[at]
