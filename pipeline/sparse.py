"""Sparse item × item weights in compressed rows, memory-mapped from a release."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

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
        indptr = np.load(directory / "indptr.npy").astype(np.int64, copy=False)
        # Seen as plain arrays: a memmap's own indexing costs more than what it fetches.
        indices = np.load(directory / "indices.npy", mmap_mode="r").view(np.ndarray)
        data = np.load(directory / "data.npy", mmap_mode="r").view(np.ndarray)
        if not len(indptr) or int(indptr[-1]) != len(indices) or len(indices) != len(data):
            raise ValueError(f"{directory} does not hold one sparse matrix: its three files disagree in length")
        return cls(indptr, indices, data)

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
        known = rows < len(self)
        safe = np.where(known, rows, 0)
        starts = self.indptr[safe]
        lengths = np.where(known, self.indptr[safe + 1] - starts, 0)
        owner = np.repeat(np.arange(len(rows)), lengths)
        at = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(starts, lengths)
        return owner, self.indices[at], self.data[at]

    def weighted_sum(
        self, rows: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Σ weights[i] · row(rows[i]) without its zeros: columns int32[m], ascending, and sums float32[m]."""
        if len(rows) == 1 and 0 <= rows[0] < len(self):
            at = slice(self.indptr[rows[0]], self.indptr[rows[0] + 1])
            columns, data = self.indices[at], self.data[at] * weights[0]
            order = np.argsort(columns, kind="stable")
            return columns[order], data[order]
        owner, columns, data = self.entries(rows)
        if len(self) <= DENSE_COLUMNS:
            dense = np.bincount(columns, weights=data * weights[owner], minlength=len(self))
            named = np.flatnonzero(dense)
            return named.astype(np.int32), dense[named].astype(np.float32)
        named, inverse = np.unique(columns, return_inverse=True)
        sums = np.bincount(inverse, weights=data * weights[owner], minlength=len(named))
        return named.astype(np.int32, copy=False), sums.astype(np.float32)


def lookup(
    columns: npt.NDArray[np.int32], values: npt.NDArray[np.float32], wanted: npt.NDArray[np.int32]
) -> npt.NDArray[np.float32]:
    """The values at ``wanted`` int32[n] of a sparse vector with ascending ``columns``; 0 where it has none."""
    if not len(columns):
        return np.zeros(len(wanted), np.float32)
    at = np.minimum(np.searchsorted(columns, wanted), len(columns) - 1)
    return np.where(columns[at] == wanted, values[at], np.float32(0))
