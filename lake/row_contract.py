"""Which rows hold their contract, why the others do not: a whole chunk at a time."""

from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from contracts.events import Action
from contracts.rows import ID_MAX
from lake.chunks import Chunk
from lake.mapping import Mapping
from lake.parsing import as_attributes, as_categories, as_number, as_text, as_time, flat
from lake.tables import TABLES

EARLIEST = 31_536_000.0
"""1971-01-01: an earlier time of an action is a missing or broken clock, not a time."""

LINE = "line"

IDS = {
    "interactions": ("user_id", "item_id"),
    "impressions": ("request_id", "user_id", "item_id"),
    "items": ("item_id",),
    "users": ("user_id",),
}

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Fault:
    """Rows that break one rule: the reason, the field, and which."""

    reason: str
    field: str
    rows: Mask


@dataclass(frozen=True)
class Checked:
    """``accepted``: rows in the table's columns and LINE. ``faults``: (line, reason, field, payload) of the others."""

    accepted: pa.Table
    faults: list[tuple[int, str, str, str]]


def _mask(array: pa.Array | pa.ChunkedArray) -> Mask:
    mask: Mask = flat(pc.fill_null(array, False)).to_numpy(zero_copy_only=False)
    return mask


def _id_faults(field: str, ids: pa.Array) -> list[Fault]:
    """Checked once a distinct id."""
    encoded = ids.dictionary_encode()
    known = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)

    def rows(broken: list[bool], null: bool = False) -> Mask:
        chosen: Mask = np.array([*broken, null], bool)[codes]
        return chosen

    return [
        Fault("missing_id", field, rows([name.strip().lower() == "nan" for name in known], null=True)),
        Fault(
            "negative_id", field, rows([name[0] == "-" and name[1:].isascii() and name[1:].isdigit() for name in known])
        ),
        Fault("long_id", field, rows([len(name) > ID_MAX for name in known])),
        Fault("unprintable_id", field, rows([not name.isprintable() for name in known])),
    ]


class RowContract:
    """The contract of one table. ``now`` is epoch seconds; a time later than ``latest`` epoch seconds is refused."""

    def __init__(self, table: str, mapping: Mapping, latest: float) -> None:
        self.table = table
        self._renamed = mapping.columns.get(table, {})
        self._values = mapping.values
        self._latest = latest

    def _column(self, rows: pa.Table, name: str) -> pa.Array:
        source = self._renamed.get(name, name)
        column = flat(rows[source]) if source in rows.column_names else pa.nulls(rows.num_rows, pa.string())
        if name not in self._values:
            return column
        text = as_text(column).dictionary_encode()
        changed = [self._values[name].get(value, value) for value in text.dictionary.to_pylist()]
        return pa.DictionaryArray.from_arrays(text.indices, pa.array(changed, pa.string())).dictionary_decode()

    def check(self, chunk: Chunk) -> Checked:
        """Splits a chunk into the rows that hold the contract and the faults of the others, the first of each row.

        ``timestamp`` of an accepted row is in microseconds, int64.
        """
        columns: dict[str, pa.Array] = {}
        faults: list[Fault] = []
        for name in IDS[self.table]:
            columns[name] = as_text(self._column(chunk.rows, name))
            faults += _id_faults(name, columns[name])
        if self.table == "interactions":
            self._check_interactions(chunk.rows, columns, faults)
        elif self.table == "impressions":
            self._check_impressions(chunk.rows, columns, faults)
        else:
            self._check_catalogue(chunk.rows, columns, faults)
        columns[LINE] = chunk.lines
        return self._split(chunk, pa.table(columns), faults)

    def _times(self, rows: pa.Table, columns: dict[str, pa.Array], faults: list[Fault]) -> None:
        times, unread = as_time(self._column(rows, "timestamp"))
        columns["timestamp"] = times.cast(pa.int64())
        micros = columns["timestamp"].fill_null(0).to_numpy(zero_copy_only=False)
        valid = times.is_valid().to_numpy(zero_copy_only=False)
        faults += [
            Fault("bad_timestamp", "timestamp", _mask(unread)),
            Fault("missing_timestamp", "timestamp", ~valid),
            Fault("implausible_timestamp", "timestamp", valid & (micros < EARLIEST * 1e6)),
            Fault("future_timestamp", "timestamp", valid & (micros > self._latest * 1e6)),
        ]

    def _optional_ids(self, rows: pa.Table, names: tuple[str, ...], columns: dict[str, pa.Array],
                      faults: list[Fault]) -> None:  # fmt: skip
        for name in names:
            columns[name] = as_text(self._column(rows, name))
            faults += [
                fault for fault in _id_faults(name, columns[name]) if fault.reason in ("long_id", "unprintable_id")
            ]

    def _numbers(self, rows: pa.Table, name: str, columns: dict[str, pa.Array], faults: list[Fault]) -> None:
        columns[name], broken = as_number(self._column(rows, name))
        faults.append(Fault(f"bad_{name}", name, _mask(broken)))

    def _check_interactions(self, rows: pa.Table, columns: dict[str, pa.Array], faults: list[Fault]) -> None:
        action = pc.fill_null(as_text(self._column(rows, "action")), Action.CLICK.value)
        columns["action"] = action
        known = pc.is_in(action, pa.array([one.value for one in Action]))
        faults.append(Fault("unknown_action", "action", ~_mask(known)))
        self._times(rows, columns, faults)
        self._numbers(rows, "value", columns, faults)
        self._optional_ids(rows, ("event_id", "request_id"), columns, faults)

    def _check_impressions(self, rows: pa.Table, columns: dict[str, pa.Array], faults: list[Fault]) -> None:
        self._times(rows, columns, faults)
        self._numbers(rows, "position", columns, faults)
        position = columns["position"].fill_null(0).to_numpy(zero_copy_only=False)
        sound = np.isfinite(position) & (position >= 1) & (np.floor(position) == position) & (position < 2**31)
        faults.append(Fault("bad_position", "position", ~sound))
        columns["position"] = pa.array(np.where(sound, position, 1).astype(np.int64))
        self._numbers(rows, "propensity", columns, faults)
        share = columns["propensity"].fill_null(1.0).to_numpy(zero_copy_only=False)
        faults.append(Fault("bad_propensity", "propensity", ~((share > 0) & (share <= 1))))
        for name in ("release", "experiment", "arm", "team", "surface"):
            columns[name] = as_text(self._column(rows, name))

    def _check_catalogue(self, rows: pa.Table, columns: dict[str, pa.Array], faults: list[Fault]) -> None:
        columns["created_at"], unread = as_time(self._column(rows, "created_at"))
        faults.append(Fault("bad_timestamp", "created_at", _mask(unread)))
        if self.table == "items":
            columns["category"] = as_categories(self._column(rows, "category"))
            columns["title"] = as_text(self._column(rows, "title"))
        else:
            columns["cohort"] = as_text(self._column(rows, "cohort"))
        used = {self._renamed.get(name, name) for name in TABLES[self.table].schema.names}
        further = {name: flat(rows[name]) for name in rows.column_names if name and name not in used}
        columns["attributes"] = as_attributes(further, rows.num_rows)

    def _split(self, chunk: Chunk, columns: pa.Table, faults: list[Fault]) -> Checked:
        broken = np.zeros(chunk.rows.num_rows, bool)
        found: list[tuple[int, str, str, str]] = [(m.line, m.reason, "", m.payload) for m in chunk.malformed]
        for fault in faults:
            rows = np.flatnonzero(fault.rows & ~broken)
            broken |= fault.rows
            if len(rows):
                payloads = chunk.rows.take(pa.array(rows)).to_pylist()
                lines = chunk.lines.take(pa.array(rows)).to_pylist()
                found += [
                    (
                        line,
                        fault.reason,
                        fault.field,
                        orjson.dumps(payload, default=str, option=orjson.OPT_NON_STR_KEYS).decode(),
                    )
                    for line, payload in zip(lines, payloads, strict=True)
                ]
        return Checked(columns.filter(pa.array(~broken)) if broken.any() else columns, found)
