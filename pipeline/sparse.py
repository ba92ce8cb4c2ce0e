"""Sparse item × item weights in compressed rows, memory-mapped from a release."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.rows import union

DENSE_COLUMNS = 200_000
"""Up to so many columns a weighted sum is made in a dense row, which takes a fraction of the time of sorting."""


@dataclass(frozen=True, slots=True)
class SparseRows:
    """``indptr`` int64[n + 1], ``indices`` int32[z], ``data`` float32[z]: row i is entries indptr[i]:indptr[i + 1]."""

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    data: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def load(cls, directory: Path) -> "SparseRows":
        """Maps ``indptr.npy``, ``indices.npy``, ``data.npy``. Raises OSError or ValueError for a damaged file."""
        # Seen as plain arrays: a memmap's own indexing costs more than what it fetches.
        indptr, indices, data = (
            np.load(directory / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in ("indptr", "indices", "data")
        )
        if not len(indptr) or int(indptr[-1]) != len(indices) or len(indices) != len(data):
            raise ValueError(f"{directory} does not hold one sparse matrix: its three files disagree in length")
        return cls(indptr.astype(np.int64, copy=False), indices, data)

    def save(self, directory: Path) -> None:
        """Writes the three files that ``load`` reads."""
        directory.mkdir(parents=True, exist_ok=True)
        np.save(directory / "indptr.npy", self.indptr)
        np.save(directory / "indices.npy", self.indices)
        np.save(directory / "data.npy", self.data)

    def entries(
        self, rows: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """The entries of ``rows`` one after another: position within ``rows``, column, weight. A row beyond the
        matrix (an item newer than the release) has none."""
        if len(rows) == 1 and rows[0] < len(self):
            one = slice(self.indptr[rows[0]], self.indptr[rows[0] + 1])
            return np.zeros(one.stop - one.start, np.intp), self.indices[one], self.data[one]
        known = rows < len(self)
        safe = np.where(known, rows, 0)
        starts = self.indptr[safe]
        lengths = np.where(known, self.indptr[safe + 1] - starts, 0)
        owner = np.repeat(np.arange(len(rows)), lengths)
        at = np.arange(len(owner)) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        return owner, self.indices[at], self.data[at]

    def weighted_sum(
        self, rows: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Σ weights[i] · row(rows[i]) without its zeros: columns int32[m], ascending, and sums float32[m]."""
        owner, columns, data = self.entries(rows)
        if len(self) <= DENSE_COLUMNS:
            dense = np.bincount(columns, weights=data * weights[owner], minlength=len(self))
            filled = np.flatnonzero(dense)
            return filled.astype(np.int32), dense[filled].astype(np.float32)
        named = union([columns])
        sums = np.bincount(np.searchsorted(named, columns), weights=data * weights[owner], minlength=len(named))
        return named, sums.astype(np.float32)

    def sums_at(
        self, rows: npt.NDArray[np.int32], weights: npt.NDArray[np.float32], wanted: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """Σ weights[i] · row(rows[i]) at the columns ``wanted`` int32[n], n at least 1 and none twice; float32[n]."""
        owner, columns, data = self.entries(rows)
        weighted = data * weights[owner]
        if len(self) <= DENSE_COLUMNS:
            longest = max(len(self), int(wanted.max(initial=-1)) + 1)
            return np.bincount(columns, weighted, longest)[wanted].astype(np.float32)
        order = np.argsort(wanted)
        ascending = wanted[order]
        at = np.minimum(np.searchsorted(ascending, columns), len(wanted) - 1)
        hit = ascending[at] == columns
        sums = np.empty(len(wanted), np.float32)
        sums[order] = np.bincount(at[hit], weighted[hit], len(wanted))
        return sums
