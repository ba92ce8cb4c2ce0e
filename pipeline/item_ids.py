"""The ids of an item table and the way back from an id to its row, without a Python object an item: at a million items
a list and a dictionary of them cost 200 MB, this 30."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

BATCH = 65_536
"""Ids that stand as Python strings at once while the table is built."""

UNKNOWN = -1


class Texts(Sequence[str | None]):
    """``n`` texts, None where there is none, held as one Arrow array."""

    def __init__(self, texts: pa.Array) -> None:
        self._texts = texts

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> "Texts":
        """From Python strings."""
        return cls(pa.array(list(texts), pa.large_string()))

    @property
    def texts(self) -> pa.Array:
        """All of them as the Arrow array."""
        return self._texts

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, row: int) -> str | None: ...
    @overload
    def __getitem__(self, row: slice) -> list[str | None]: ...
    def __getitem__(self, row: int | slice) -> str | list[str | None] | None:
        if isinstance(row, slice):
            some: list[str | None] = self._texts[row].to_pylist()
            return some
        one: str | None = self._texts[int(row)].as_py()
        return one

    def replaced(self, rows: Sequence[int], texts: Sequence[str | None]) -> "Texts":
        """The same with ``texts`` at ``rows``, of which none is named twice."""
        order = np.argsort(rows)
        mask = np.zeros(len(self), np.bool_)
        mask[list(rows)] = True
        chosen = pa.array([texts[at] for at in order], pa.large_string())
        return Texts(pc.replace_with_mask(self._texts, pa.array(mask), chosen))

    def with_added(self, texts: Sequence[str | None]) -> "Texts":
        """The same and ``texts`` after them."""
        return Texts(pa.concat_arrays([self._texts, pa.array(texts, pa.large_string())]))


def crc32(item_id: str) -> int:
    """32 bits of an id that are the same in every process (a hash of Python is not), so that they can be kept in a
    file. Among ten million ids some 11,600 pairs share them."""
    return zlib.crc32(item_id.encode(errors="surrogatepass"))


class ItemIds(Sequence[str]):
    """The ids in row order, none twice. ``hashes`` uint32[n] of all, ascending, lead to the ``by_hash`` int32[n] rows;
    the text decides."""

    def __init__(
        self,
        ids: pa.Array,
        hashes: npt.NDArray[np.uint32],
        by_hash: npt.NDArray[np.int32],
        hash_of: Callable[[str], int] = crc32,
    ) -> None:
        """``ids`` is an Arrow array of large strings."""
        self._ids = ids
        self.hashes = hashes
        self.by_hash = by_hash
        self._hash_of = hash_of
        self._added: dict[str, int] = {}

    @classmethod
    def hashed(cls, ids: pa.Array, hash_of: Callable[[str], int] = crc32) -> "ItemIds":
        """From an Arrow array of large strings; ``hash_of`` gives 32 bits."""
        hashes = np.empty(len(ids), np.uint32)
        for start in range(0, len(ids), BATCH):
            some = ids[start : start + BATCH].to_pylist()
            hashes[start : start + BATCH] = np.fromiter(map(hash_of, some), np.uint32, len(some))
        by_hash = np.argsort(hashes).astype(np.int32)
        return cls(ids, hashes[by_hash], by_hash, hash_of)

    @classmethod
    def of(cls, ids: Iterable[str]) -> "ItemIds":
        """From Python strings."""
        return cls.hashed(pa.array(list(ids), pa.large_string()))

    @classmethod
    def of_column(cls, ids: pa.ChunkedArray) -> "ItemIds":
        """From a column of an Arrow table."""
        return cls.hashed(ids.cast(pa.large_string()).combine_chunks())

    @property
    def texts(self) -> pa.Array:
        """All ids as one Arrow array of large strings."""
        return self._ids

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            some: list[str] = self._ids[row].to_pylist()
            return some
        one: str = self._ids[int(row)].as_py()
        return one

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), BATCH):
            yield from self[start : start + BATCH]

    def __contains__(self, item_id: object) -> bool:
        return isinstance(item_id, str) and self.row(item_id) is not None

    def row(self, item_id: str) -> int | None:
        """The row of an id, None for one that is not known."""
        found = int(self.rows([item_id])[0])
        return None if found == UNKNOWN else found

    def rows(self, ids: Sequence[str]) -> npt.NDArray[np.int32]:
        """int32[m]: the row of each of ``ids``, UNKNOWN for one that is not known."""
        if not len(ids) or not len(self.hashes):
            return np.array([self._added.get(item_id, UNKNOWN) for item_id in ids], np.int32)
        hashes = np.fromiter(map(self._hash_of, ids), np.uint32, len(ids))
        places = self.hashes.searchsorted(hashes)
        rows = self.by_hash[np.minimum(places, len(self.hashes) - 1)]
        for at, text in enumerate(self._ids.take(pa.array(rows)).to_pylist()):
            if text != ids[at]:
                rows[at] = self._further(ids[at], int(hashes[at]), int(places[at]))
        return rows

    def _further(self, item_id: str, hashed: int, place: int) -> int:
        """The row of an id that is not the first of its hash."""
        while place < len(self.hashes) and self.hashes[place] == hashed:
            if self[self.by_hash[place]] == item_id:
                return int(self.by_hash[place])
            place += 1
        return self._added.get(item_id, UNKNOWN)

    def with_added(self, ids: Sequence[str]) -> "ItemIds":
        """The same and ``ids``, all of them new, after them."""
        longer = ItemIds.__new__(ItemIds)
        vars(longer).update(vars(self))
        longer._ids = pa.concat_arrays([self._ids, pa.array(ids, pa.large_string())])
        longer._added = {**self._added, **{item_id: len(self) + at for at, item_id in enumerate(ids)}}
        return longer
