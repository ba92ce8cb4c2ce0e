"""The item table of a release as the request path holds it: one array a column, the row number is the item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.catalogue import Item
from pipeline.item_ids import UNKNOWN, ItemIds, Texts
from pipeline.sparse import SparseRows

_WITHOUT_COUNTS = ("main_category", "born", "category_lists", "category_rows")
_WITHOUT_SCORES = (*_WITHOUT_COUNTS, "totals")
"""Properties that counts, or popularity and trend, do not change: at a million items too dear to compute every few
seconds."""


@dataclass(frozen=True)
class Items:
    """``n`` items. Times are epoch seconds, NaN where unknown; ``year`` int32[n] is 0 where unknown.

    ``category_indptr`` int64[n + 1] and ``category_indices`` int32 give each item's categories as positions in
    ``categories``, the first being its main one. ``popular`` and ``trending`` float32[n] are its scores now.
    ``hidden`` int32 are rows that no answer may hold (deleted items). Immutable: a change makes a new table that
    shares what did not change.
    """

    ids: ItemIds
    titles: Texts
    categories: tuple[str, ...]
    category_indptr: npt.NDArray[np.int64]
    category_indices: npt.NDArray[np.int32]
    year: npt.NDArray[np.int32]
    created_at: npt.NDArray[np.float64]
    first_seen: npt.NDArray[np.float64]
    count: npt.NDArray[np.float32]
    count_7d: npt.NDArray[np.float32]
    count_28d: npt.NDArray[np.float32]
    popular: npt.NDArray[np.float32]
    trending: npt.NDArray[np.float32]
    hidden: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def main_category(self) -> npt.NDArray[np.int32]:
        """int32[n]: the first category of each item, −1 without one."""
        has = self.category_indptr[1:] > self.category_indptr[:-1]
        main = np.full(len(self), -1, np.int32)
        main[has] = self.category_indices[self.category_indptr[:-1][has]]
        return main

    @cached_property
    def born(self) -> npt.NDArray[np.float64]:
        """float64[n]: when the item came to be, created_at or else the first time anyone acted on it; NaN unknown."""
        return np.where(np.isnan(self.created_at), self.first_seen, self.created_at)

    @cached_property
    def totals(self) -> tuple[float, float]:
        """Actions on all items, ever and in the last 28 days."""
        return float(self.count.sum()), float(self.count_28d.sum())

    @cached_property
    def category_rows(self) -> dict[str, npt.NDArray[np.int32]]:
        """What ``rows_in`` found so far: at a million items it looks for milliseconds."""
        return {}

    @cached_property
    def category_lists(self) -> SparseRows:
        """Each item's categories as a sparse matrix of ones."""
        ones = np.broadcast_to(np.float32(1), self.category_indices.shape)
        return SparseRows(self.category_indptr, self.category_indices, ones)

    def title(self, row: int) -> str:
        """What to call the item to a person: its title, else its id."""
        return self.titles[row] or self.ids[row]

    def categories_of(self, row: int) -> tuple[str, ...]:
        """The names of the item's categories."""
        of_item = self.category_indices[self.category_indptr[row] : self.category_indptr[row + 1]]
        return tuple(self.categories[c] for c in of_item)

    def rows_in(self, category: str) -> npt.NDArray[np.int32]:
        """Rows of the items of one category, ascending; none when nobody has that category."""
        if category not in self.categories:
            return np.empty(0, np.int32)
        known = self.category_rows.get(category)
        if known is None:
            entries = np.flatnonzero(self.category_indices == self.categories.index(category))
            rows = np.searchsorted(self.category_indptr, entries, side="right") - 1
            known = self.category_rows[category] = rows[np.diff(rows, prepend=-1) > 0].astype(np.int32)
        return known

    def rows_of(self, ids: Sequence[str]) -> npt.NDArray[np.int32]:
        """Rows of those ``ids`` that are known, in their order."""
        rows = self.ids.rows(ids)
        known: npt.NDArray[np.int32] = rows[rows != UNKNOWN]
        return known

    def with_scores(self, popular: npt.NDArray[np.float32], trending: npt.NDArray[np.float32]) -> "Items":
        """The same items with popularity and trend of this moment, float32[n] each."""
        return replace(self, popular=popular, trending=trending)._keeping(self, _WITHOUT_SCORES)

    def with_counts(self, rows: npt.NDArray[np.int32], counts: npt.NDArray[np.float32]) -> "Items":
        """The same items with what was counted since of those in ``rows`` int32[m]: actions ever, in 7 and in 28 days,
        float32[m, 3]. Popularity is the first of them. The same table where there are none."""
        if not len(rows):
            return self
        ever, in_7d, in_28d = counts.T
        changed = replace(
            self,
            count=_with(self.count, rows, ever),
            count_7d=_with(self.count_7d, rows, in_7d),
            count_28d=_with(self.count_28d, rows, in_28d),
            popular=_with(self.popular, rows, ever),
        )
        return changed._keeping(self, _WITHOUT_COUNTS)

    def _keeping(self, before: "Items", names: Sequence[str]) -> "Items":
        vars(self).update({name: getattr(before, name) for name in names})
        return self

    def with_hidden(self, ids: Sequence[str]) -> "Items":
        """The same items, exactly ``ids`` hidden; unknown ids are ignored."""
        return replace(self, hidden=np.unique(self.rows_of(ids)))._keeping(self, _WITHOUT_SCORES)

    def with_put(self, items: Sequence[Item], now: float) -> "Items":
        """The same items as ``items`` describe them; the last description of an id counts.

        One that the release knows keeps its row, its scores, and the times that its description does not state. One
        that it does not know is appended, without a single action, created ``now`` (epoch seconds) unless it says.
        """
        last = {item.item_id: item for item in items}
        rows = dict(zip(last, self.ids.rows(tuple(last)).tolist(), strict=True))
        added = [item for item in last.values() if rows[item.item_id] == UNKNOWN]
        described = self._described({row: last[item_id] for item_id, row in rows.items() if row != UNKNOWN})
        return described._with_added(added, now) if added else described

    def _described(self, described: Mapping[int, Item]) -> "Items":
        if not described:
            return self
        rows, changed = list(described), list(described.values())
        year, created = self.year.copy(), self.created_at.copy()
        for row, item in described.items():
            year[row] = _year(item) or year[row]
            created[row] = item.created_at.timestamp() if item.created_at else created[row]
        names, of_changed = self._with_names(changed)
        lengths = np.diff(self.category_indptr)
        kept = np.ones(len(self), np.bool_)
        kept[rows] = False
        owners = np.repeat(np.arange(len(self)), lengths)
        remains = kept[owners]
        lengths[rows] = [len(item.category) for item in changed]
        new_owners = np.repeat(np.array(rows), lengths[rows])
        order = np.argsort(np.concatenate([owners[remains], new_owners]), kind="stable")
        return replace(
            self,
            titles=self.titles.replaced(rows, [item.title for item in changed]),
            year=year,
            created_at=created,
            categories=names,
            category_indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            category_indices=np.concatenate([self.category_indices[remains], of_changed])[order],
        )

    def _with_names(self, items: Sequence[Item]) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
        """All category names with those of ``items``, and the positions of theirs, one item after another."""
        names = list(self.categories)
        names += sorted({c for item in items for c in item.category} - set(names))
        position = {name: p for p, name in enumerate(names)}
        return tuple(names), np.array([position[c] for item in items for c in item.category], np.int32)

    def _with_added(self, added: Sequence[Item], now: float) -> "Items":
        names, of_added = self._with_names(added)
        ids = [item.item_id for item in added]
        zeros = np.zeros(len(added), np.float32)
        ends = self.category_indptr[-1] + np.cumsum([len(item.category) for item in added], dtype=np.int64)
        created = np.array([item.created_at.timestamp() if item.created_at else now for item in added], np.float64)
        return replace(
            self,
            ids=self.ids.with_added(ids),
            titles=self.titles.with_added([item.title for item in added]),
            categories=names,
            category_indptr=np.concatenate([self.category_indptr, ends]),
            category_indices=np.concatenate([self.category_indices, of_added]),
            year=np.concatenate([self.year, np.array([_year(item) for item in added], np.int32)]),
            created_at=np.concatenate([self.created_at, created]),
            first_seen=np.concatenate([self.first_seen, np.full(len(added), np.nan)]),
            **{
                name: np.concatenate([getattr(self, name), zeros])
                for name in ("count", "count_7d", "count_28d", "popular", "trending")
            },
        )

    @classmethod
    def load(cls, release: Path) -> "Items":
        """Reads ``items.parquet``, ``popular.npy`` and ``trending.npy`` of a release directory.

        Raises OSError, pyarrow.ArrowInvalid or KeyError for a missing or damaged file.
        """
        table = pq.read_table(release / "items.parquet").combine_chunks()
        category = table["category"]
        flat = pc.list_flatten(category)
        encoded = flat.combine_chunks().dictionary_encode() if len(flat) else None
        lengths = pc.fill_null(pc.list_value_length(category), 0).to_numpy()
        return cls(
            ids=ItemIds.of_column(table["item_id"]),
            titles=Texts(_texts(table["title"] if "title" in table.column_names else pa.nulls(len(table)))),
            categories=tuple(encoded.dictionary.to_pylist()) if encoded is not None else (),
            category_indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            category_indices=(
                encoded.indices.to_numpy().astype(np.int32) if encoded is not None else np.empty(0, np.int32)
            ),
            year=_number(table, "year", 0).astype(np.int32),
            created_at=_seconds(table, "created_at"),
            first_seen=_seconds(table, "first_seen"),
            count=_number(table, "count", 0).astype(np.float32),
            count_7d=_number(table, "count_7d", 0).astype(np.float32),
            count_28d=_number(table, "count_28d", 0).astype(np.float32),
            popular=np.load(release / "popular.npy").astype(np.float32, copy=False),
            trending=np.load(release / "trending.npy").astype(np.float32, copy=False),
        )


def _with(
    column: npt.NDArray[np.float32], rows: npt.NDArray[np.int32], values: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    changed = column.copy()
    changed[rows] = values
    return changed


def _year(item: Item) -> int:
    stated = item.attributes.get("year", "")
    if stated.isdecimal() and len(stated) == 4:
        return int(stated)
    return item.created_at.year if item.created_at else 0


def _texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    texts = column.cast(pa.large_string())
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _number(table: pa.Table, name: str, missing: float) -> npt.NDArray[np.float64]:
    if name not in table.column_names:
        return np.full(len(table), missing, np.float64)
    filled = pc.fill_null(table[name].cast(pa.float64()), missing)
    return np.asarray(filled.to_numpy(), np.float64)


def _seconds(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    if name not in table.column_names:
        return np.full(len(table), np.nan)
    column = table[name]
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False).cast(pa.int64())
        column = pc.divide(micros.cast(pa.float64()), 1e6)
    return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy(), np.float64)
