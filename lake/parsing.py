"""Columns of any source type as those of the contract: ids, times, numbers, categories. A whole column at a time."""

from datetime import UTC, datetime

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

TIME = pa.timestamp("us", tz="UTC")
MILLISECONDS_FROM = 1e11
"""An epoch number of this size or more is in milliseconds: 1973 in these, the year 5138 in seconds."""

EPOCH_LIMIT = 9.2e18 / 1e6
"""Seconds that still fit into microseconds of 64 bits."""


def flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One contiguous array, dictionaries decoded."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def as_text(column: pa.Array) -> pa.Array:
    """Any column as text. Whole floating numbers lose their ``.0``; lists and structs become JSON; empty is null."""
    kind = column.type
    if pa.types.is_floating(kind):
        values = column.to_numpy(zero_copy_only=False).astype(np.float64)
        whole = np.isfinite(values) & (np.abs(np.nan_to_num(values)) < 2**53) & (np.floor(values) == values)
        digits = pa.array(np.where(whole, values, 0).astype(np.int64)).cast(pa.string())
        column = pc.if_else(pa.array(whole), digits, column.cast(pa.string()))
    elif pa.types.is_nested(kind):
        texts = [None if value is None else orjson.dumps(value, default=str).decode() for value in column.to_pylist()]
        column = pa.array(texts, pa.string())
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        texts = [None if value is None else value.decode(errors="backslashreplace") for value in column.to_pylist()]
        column = pa.array(texts, pa.string())
    else:
        column = column.cast(pa.string())
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def as_number(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Float64 column and a mask of what is no finite number. Empty, null and NaN are null and no fault."""
    if pa.types.is_boolean(column.type) or pa.types.is_nested(column.type) or pa.types.is_temporal(column.type):
        column = as_text(column)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = as_text(column)
        column = _number_of_text(text)
        unread = pc.and_(pc.is_valid(text), pc.is_null(column))
    else:
        unread = pa.array(np.zeros(len(column), bool))
        column = column.cast(pa.float64(), safe=False)
    column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    return column, pc.or_(unread, pc.fill_null(pc.is_inf(column), False))


def _number_of_text(text: pa.Array) -> pa.Array:
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        return pa.array([_float(value) for value in text.to_pylist()], pa.float64())


def _float(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def as_time(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """UTC microseconds and a mask of what is no time. Takes timestamps, dates, ISO 8601 text, epoch seconds or ms.

    A time without zone is UTC. Null is no fault here.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz=kind.tz), safe=False).cast(TIME), _none(column)
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us")).cast(TIME), _none(column)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _from_epoch(column)
    text = as_text(column)
    epoch = _number_of_text(text)
    if epoch.null_count == text.null_count:
        return _from_epoch(epoch)
    moments = _iso(text)
    numeric, _ = _from_epoch(epoch)
    moments = pc.coalesce(moments, numeric)
    return moments, pc.and_(pc.is_valid(text), pc.is_null(moments))


def _none(column: pa.Array) -> pa.Array:
    return pa.array(np.zeros(len(column), bool))


def _from_epoch(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    seconds = column.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
    missing = np.isnan(seconds) & valid
    scale = np.where(np.abs(seconds) >= MILLISECONDS_FROM, 1e3, 1e6)
    usable = valid & np.isfinite(seconds) & (np.abs(seconds) < EPOCH_LIMIT)
    micros = np.where(usable, np.round(np.where(usable, seconds, 0.0) * scale), 0).astype(np.int64)
    return pa.array(micros, mask=~usable).cast(TIME), pa.array(valid & ~usable & ~missing)


def _iso(text: pa.Array) -> pa.Array:
    for kind in (pa.timestamp("us"), TIME):
        try:
            return text.cast(kind).cast(TIME)
        except pa.ArrowInvalid:
            continue
    return pa.array([_instant(value) for value in text.to_pylist()], TIME)


def _instant(value: str | None) -> datetime | None:
    try:
        moment = None if value is None else datetime.fromisoformat(value.strip())
        if moment is None:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_categories(column: pa.Array) -> pa.Array:
    """A list of text a row: lists as they are, text split at the bar, null an empty list; empty names left out."""
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        names = [[str(name) for name in value or () if name is not None] for value in column.to_pylist()]
    else:
        text = as_text(column).dictionary_encode()
        known = [[name.strip() for name in value.split("|")] for value in text.dictionary.to_pylist()]
        names = [[] if code is None else known[code] for code in text.indices.to_pylist()]
    return pa.array([[name for name in row if name] for row in names], pa.list_(pa.string()))


def as_attributes(columns: dict[str, pa.Array], count: int) -> pa.Array:
    """A map of text to text a row, of the columns that have a value there."""
    texts = {name: as_text(column).to_pylist() for name, column in columns.items()}
    rows = [[(name, text[row]) for name, text in texts.items() if text[row] is not None] for row in range(count)]
    return pa.array(rows, pa.map_(pa.string(), pa.string()))
