"""The door to nearest-neighbour search. Exact here; ScaNN, FAISS and Voyager are adapters beside it."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.candidates import Proposal


def best(scores: npt.NDArray[np.floating[Any]], count: int) -> npt.NDArray[np.intp]:
    """Positions of the ``count`` largest scores, largest first; equal scores in order of position."""
    count = min(count, len(scores))
    if count <= 0:
        return np.empty(0, np.intp)
    top = np.sort(np.argpartition(scores, len(scores) - count)[len(scores) - count :])
    return top[np.argsort(-scores[top], kind="stable")]


class AnnIndex(Protocol):
    """Finds the items whose vectors have the largest inner product with a user's vector."""

    def search(self, vector: npt.NDArray[np.float32], count: int) -> Proposal:
        """Up to ``count`` rows for ``vector`` float32[d], best first, with inner products."""
        ...


class ExactIndex:
    """Every item compared: the truth that other indexes are measured against, and right for small catalogues."""

    def __init__(self, vectors: npt.NDArray[np.float32], rows: npt.NDArray[np.int32] | None = None) -> None:
        """``vectors`` float32[n, d]; ``rows`` int32[n] are their item rows, 0 … n − 1 when left out."""
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._rows = np.arange(len(vectors), dtype=np.int32) if rows is None else rows

    def search(self, vector: npt.NDArray[np.float32], count: int) -> Proposal:
        """See AnnIndex. Time grows with n·d: some 1 ms at 20,000 × 64."""
        scores = self._vectors @ vector
        top = best(scores, count)
        return Proposal(self._rows[top], scores[top])
