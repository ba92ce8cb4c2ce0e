"""The items of a data set, column by column, aligned with item rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.datasets.columns import epoch_seconds, text

_YEAR_IN_TITLE = re.compile(r"\((\d{4})\)\s*$")
_FIRST_YEAR, _LAST_YEAR = 1800, 2200


@dataclass(frozen=True)
class ItemTable:
    """``n`` items; position in every column is the item's row.

    ``category_names`` are the C distinct categories, sorted; the categories of row ``i`` are
    ``category_indices[category_indptr[i]:category_indptr[i + 1]]`` (int64[n + 1], int32). ``year`` int32[n] is 0 where
    unknown. ``created_at`` and ``first_seen`` float64[n] are epoch seconds, NaN where unknown. ``title`` is None where
    unknown; ``attributes`` holds the columns beyond these.
    """

    item_ids: list[str]
    category_names: list[str]
    category_indptr: npt.NDArray[np.int64]
    category_indices: npt.NDArray[np.int32]
    year: npt.NDArray[np.int32]
    created_at: npt.NDArray[np.float64]
    first_seen: npt.NDArray[np.float64]
    title: list[str | None]
    attributes: list[dict[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.item_ids)

    def categories(self, row: int) -> list[str]:
        """Names of the categories of one item."""
        span = slice(self.category_indptr[row], self.category_indptr[row + 1])
        return [self.category_names[c] for c in self.category_indices[span]]

    def with_first_seen(self, first_seen: npt.NDArray[np.float64]) -> "ItemTable":
        """The same items with ``first_seen`` float64[n], epoch seconds."""
        return replace(self, first_seen=first_seen)

    @classmethod
    def bare(cls, item_ids: Sequence[str]) -> "ItemTable":
        """Items of which nothing but the id is known."""
        n = len(item_ids)
        return cls(
            list(item_ids),
            [],
            np.zeros(n + 1, np.int64),
            np.empty(0, np.int32),
            np.zeros(n, np.int32),
            np.full(n, np.nan),
            np.full(n, np.nan),
            [None] * n,
            [{} for _ in range(n)],
        )

    @classmethod
    def from_table(cls, table: pa.Table, item_ids: Sequence[str] | None = None) -> "ItemTable":
        """Reads the table ``items`` of the lake (column ``item_id``; optional ``category``, ``title``, ``created_at``,
        ``year``, ``attributes``). With ``item_ids`` the rows follow that order, ids absent from the table are bare and
        others are left out; without it the table's order holds. The first row of a repeated id counts."""
        ids = text(table, "item_id").to_pylist()
        position: dict[str, int] = {}
        for at, item_id in enumerate(ids):
            position.setdefault(item_id, at)
        wanted = list(item_ids) if item_ids is not None else list(position)
        known = [position.get(item_id, -1) for item_id in wanted]
        titles = _column(table, "title", known)
        attributes = [_attributes(value) for value in _column(table, "attributes", known)]
        categories = [_names(value) for value in _column(table, "category", known)]
        names = sorted({name for row in categories for name in row})
        code = {name: c for c, name in enumerate(names)}
        created = epoch_seconds(table, "created_at")
        at_known = np.asarray(known, np.int64)
        created_at = np.full(len(wanted), np.nan)
        if created is not None:
            created_at[at_known >= 0] = created[at_known[at_known >= 0]]
        years = _column(table, "year", known)
        return cls(
            wanted,
            names,
            np.concatenate(([0], np.cumsum([len(row) for row in categories], dtype=np.int64))).astype(np.int64),
            np.asarray([code[name] for row in categories for name in row], np.int32),
            np.asarray(
                [_year(*known_of) for known_of in zip(years, attributes, titles, created_at, strict=True)], np.int32
            ),
            created_at,
            np.full(len(wanted), np.nan),
            [None if value is None else str(value) for value in titles],
            attributes,
        )


def _column(table: pa.Table, name: str, known: Sequence[int]) -> list[object]:
    if name not in table.column_names:
        return [None] * len(known)
    values = table.column(name).to_pylist()
    return [values[at] if at >= 0 else None for at in known]


def _attributes(value: object) -> dict[str, str]:
    """A cell of an Arrow map: pairs, or a struct as a dictionary."""
    pairs = value.items() if isinstance(value, dict) else value if isinstance(value, list) else []
    return {str(name): str(content) for name, content in pairs if content is not None}


def _names(value: object) -> list[str]:
    """Distinct category names of one item, in the order given."""
    if value is None or value == "":
        return []
    values = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(str(v) for v in values if v is not None and str(v)))


def _year(given: object, attributes: dict[str, str], title: object, created_at: float) -> int:
    """The year an item is of: its own column, an attribute ``year``, ``(1995)`` at the title's end, its creation."""
    in_title = _YEAR_IN_TITLE.search(str(title)) if title is not None else None
    for candidate in (given, attributes.get("year"), in_title and in_title.group(1)):
        if candidate is not None and str(candidate).isdigit() and _FIRST_YEAR <= int(str(candidate)) <= _LAST_YEAR:
            return int(str(candidate))
    if np.isfinite(created_at):
        return int(np.datetime64(int(created_at), "s").astype("datetime64[Y]").astype(int)) + 1970
    return 0
