"""Models that are one item × item matrix: a history's items point at what follows them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pipeline.user import History
from training.models.fitted import Scores
from training.models.histories import history_matrix

POPULARITY_TIE_BREAK = 1e-6
"""Scale of popularity in a score: it orders only items that a model says nothing of."""


@dataclass(frozen=True)
class ItemWeights:
    """``weights`` float32[n, n] (CSR by source item, or dense) with the history's decay.

    A history is a row vector of 1, or of ``2 ** (-k / half_life)`` for the action ``k`` back, ``window`` back at most;
    the score is that vector times ``weights``. ``popularity`` float32[n] in 0..1 breaks ties. ``folder`` is where the
    sparse form lies in a release; None when the model is for comparison only.
    """

    weights: sparse.csr_matrix | npt.NDArray[np.float32]
    popularity: npt.NDArray[np.float32]
    folder: str | None = None
    half_life: float | None = None
    window: int | None = None
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:  # noqa: ARG002
        """float32[b, n]; the moment of the request plays no part."""
        vectors = history_matrix(histories, self.weights.shape[0], half_life=self.half_life, window=self.window)
        product = vectors @ self.weights
        dense = np.asarray(product.toarray() if sparse.issparse(product) else product, np.float32)
        return dense + POPULARITY_TIE_BREAK * self.popularity

    def export(self, release_dir: Path) -> None:
        """``<folder>/{indptr int64, indices int32, data float32}.npy`` and ``settings.json``; a dense matrix is left
        out, it is no source of a release."""
        if self.folder is None or isinstance(self.weights, np.ndarray):
            return
        folder = release_dir / self.folder
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "indptr.npy", self.weights.indptr.astype(np.int64))
        np.save(folder / "indices.npy", self.weights.indices.astype(np.int32))
        np.save(folder / "data.npy", self.weights.data.astype(np.float32))
        settings = {"half_life": self.half_life, "window": self.window}
        (folder / "settings.json").write_text(json.dumps(settings, indent=2) + "\n")


def relative_popularity(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Counts scaled to 0..1, float32[n]."""
    return (counts / max(int(counts.max(initial=0)), 1)).astype(np.float32)


def blocks(n: int, size: int) -> Iterator[tuple[int, int]]:
    """Bounds of consecutive blocks of ``size`` that cover ``n``."""
    for start in range(0, n, size):
        yield start, min(start + size, n)


def top_of_dense(block: npt.NDArray[np.floating], k: int) -> sparse.csr_matrix:
    """Keeps the ``k`` largest positive entries of every row, columns sorted."""
    rows, n = block.shape
    k = min(k, n)
    at = np.argpartition(-block, k - 1, axis=1)[:, :k] if k < n else np.tile(np.arange(n), (rows, 1))
    at.sort(axis=1)
    data = np.take_along_axis(block, at, axis=1).astype(np.float32)
    matrix = sparse.csr_matrix((data.ravel(), at.ravel().astype(np.int32), np.arange(rows + 1) * k), shape=block.shape)
    matrix.data[matrix.data < 0] = 0
    matrix.eliminate_zeros()
    return matrix


def top_of_sparse(block: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    """Keeps the ``k`` largest entries of every row (of equal ones the first columns), columns sorted."""
    lengths = np.diff(block.indptr)
    kept = np.ones(block.nnz, np.bool_)
    for row in np.flatnonzero(lengths > k):
        span = slice(block.indptr[row], block.indptr[row + 1])
        values = block.data[span]
        edge = np.partition(values, len(values) - k)[len(values) - k]
        chosen = values > edge
        level = np.flatnonzero(values == edge)
        first = np.argsort(block.indices[span][level])[: k - np.count_nonzero(chosen)]
        chosen[level[first]] = True
        kept[span] = chosen
    indptr = np.concatenate(([0], np.cumsum(np.minimum(lengths, k))))
    data = block.data[kept].astype(np.float32)
    matrix = sparse.csr_matrix((data, block.indices[kept], indptr), shape=block.shape)
    matrix.sort_indices()
    return matrix
