"""Reads a data set that a person points at, without a lake: a MovieLens zip, a folder of tables, or one file."""

import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from contracts.errors import InvalidInputError
from lake.chunks import Chunk, Reader, delimited, header_of, json_lines, parquet
from lake.mapping import Mapping
from lake.movielens import movielens_tables
from lake.parsing import as_time, flat
from lake.row_contract import LINE, RowContract
from lake.sources import SUFFIXES, unpacked
from training.models.fitted import Progress, silent

_ANY_TIME = "2000-01-01T00:00:00Z"
_COLUMNS = ("user_id", "item_id", "action", "timestamp", "value")


@dataclass(frozen=True)
class Tables:
    """``interactions`` (user_id, item_id, action, timestamp, value) in file order, ``items`` or None, and how many rows
    were left out for which reason."""

    interactions: pa.Table
    items: pa.Table | None
    dropped: dict[str, int] = field(default_factory=dict)


def read_tables(path: Path, *, mapping: Mapping | None = None, progress: Progress = silent) -> Tables:
    """Reads with the lake's own readers and row contract, but takes times as they are: none at all, before 1971, in
    the future. Raises InvalidInputError for a file that is missing, broken or lacks an id column."""
    mapping = mapping or Mapping()
    with tempfile.TemporaryDirectory(prefix="headwater-read-") as room:
        readers = _readers(unpacked(path, Path(room)), mapping)
        dropped: Counter[str] = Counter()
        interactions = _interactions(readers["interactions"], mapping, dropped, progress)
        items = _items(readers["items"], mapping, dropped) if "items" in readers else None
    if not len(interactions):
        raise InvalidInputError("interactions", f"{path} holds no usable row")
    for reason, count in dropped.items():
        progress(f"{path.name}: {count:,} rows left out: {reason}")
    return Tables(interactions, items, dict(dropped))


def _readers(path: Path, mapping: Mapping) -> dict[str, Reader]:
    """Table → reader."""
    if path.is_file():
        return {"interactions": _reader(path, mapping.columns.get("interactions", {}))}
    movielens = movielens_tables(path)
    if movielens and not mapping.files:
        return {name: reader for name, (_, _, reader) in movielens.items()}
    found: dict[str, Reader] = {}
    for table in ("interactions", "items"):
        named = mapping.files.get(table)
        files = (
            [path / named] if named else sorted(p for p in path.iterdir() if p.stem == table and p.suffix in SUFFIXES)
        )
        if files:
            found[table] = _reader(files[0], mapping.columns.get(table, {}))
    if "interactions" not in found:
        raise InvalidInputError(
            "DATA", f"{path} holds no table interactions ({', '.join(SUFFIXES)}) and is no MovieLens data"
        )
    return found


def _reader(file: Path, renamed: dict[str, str]) -> Reader:
    kind = file.suffix.lower()
    if kind == ".parquet":
        return partial(parquet, file)
    if kind in (".jsonl", ".ndjson", ".json"):
        return partial(json_lines, file)
    if kind not in SUFFIXES:
        raise InvalidInputError("DATA", f"{file.name} is none of {', '.join(SUFFIXES)}")
    columns, separator = header_of(file, [renamed.get(name, name) for name in _COLUMNS])
    return partial(delimited, file, columns, separator, header=True)


def _interactions(reader: Reader, mapping: Mapping, dropped: Counter[str], progress: Progress) -> pa.Table:
    renamed = mapping.columns.get("interactions", {})
    source = renamed.get("timestamp", "timestamp")
    contract = RowContract("interactions", mapping, math.inf)
    parts = []
    rows = 0
    for chunk in _filled(reader, {renamed.get(name, name) for name in ("user_id", "item_id")}):
        times = None
        raw = chunk.rows
        if source in raw.column_names:
            times, unread = as_time(flat(raw[source]))
            dropped["bad timestamp"] += int(
                np.count_nonzero(flat(unread).fill_null(False).to_numpy(zero_copy_only=False))
            )
            raw = raw.drop_columns([source])
        timed = Chunk(raw.append_column(source, pa.array([_ANY_TIME] * len(raw))), chunk.lines, chunk.malformed)
        checked = contract.check(timed)
        dropped.update(reason for _, reason, _, _ in checked.faults)
        accepted = checked.accepted
        columns = {name: accepted[name] for name in ("user_id", "item_id", "action", "value")}
        if times is not None:
            at = np.searchsorted(chunk.lines.to_numpy(), accepted[LINE].to_numpy())
            columns["timestamp"] = flat(times).take(pa.array(at))
        part = pa.table(columns)
        parts.append(
            part.filter(part["timestamp"].is_valid()) if times is not None and times.null_count < len(times) else part
        )
        rows += len(part)
        progress(f"read {rows:,} interactions")
    if not parts:
        raise InvalidInputError("interactions", "the file holds no row")
    return pa.concat_tables(parts, promote_options="default")


def _items(reader: Reader, mapping: Mapping, dropped: Counter[str]) -> pa.Table:
    contract = RowContract("items", mapping, math.inf)
    parts = []
    for chunk in reader():
        checked = contract.check(chunk)
        dropped.update(f"items: {reason}" for _, reason, _, _ in checked.faults)
        parts.append(checked.accepted.drop_columns([LINE]))
    return pa.concat_tables(parts, promote_options="default")


def _filled(reader: Reader, needed: set[str]) -> Iterator[Chunk]:
    """Chunks with rows; the needed columns are there. Raises InvalidInputError naming one that is not."""
    for chunk in reader():
        if chunk.rows.num_rows:
            missing = sorted(needed - set(chunk.rows.column_names))
            if missing:
                there = ", ".join(chunk.rows.column_names[:20])
                raise InvalidInputError(missing[0], f"the interactions have no such column (they have {there})")
            yield chunk
