"""FAISS HNSW behind the door of ``pipeline.ann`` (Malkov, Yashunin, 2016): where ScaNN has no wheel."""

import importlib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError
from pipeline.candidates import Proposal

NAME = "faiss"
_FILE = "hnsw.faiss"


@dataclass(frozen=True, slots=True)
class HnswParameters:
    """``neighbours`` a node keeps, ``construction`` and ``search`` are the beams (efConstruction, efSearch)."""

    neighbours: int = 32
    construction: int = 120
    search: int = 1500


@cache
def _faiss() -> Any:
    return importlib.import_module("faiss")


class HnswIndex:
    """A loaded graph. Searches may run on several threads."""

    def __init__(self, index: Any, parameters: HnswParameters) -> None:
        self._index = index
        self._parameters = parameters

    def search(self, vector: npt.NDArray[np.float32], count: int) -> Proposal:
        """See AnnIndex."""
        beam = _faiss().SearchParametersHNSW(efSearch=max(self._parameters.search, count))
        query = np.ascontiguousarray(vector, np.float32)[np.newaxis]
        scores, rows = self._index.search(query, min(count, self._index.ntotal), params=beam)
        found = rows[0] >= 0
        return Proposal(rows[0][found].astype(np.int32), scores[0][found])


def build(
    vectors: npt.NDArray[np.float32], directory: Path, parameters: HnswParameters | None = None
) -> dict[str, Any]:
    """Builds over ``vectors`` float32[n, d] and writes into ``directory``. Returns the parameters as written down."""
    chosen = parameters or HnswParameters()
    faiss = _faiss()
    index = faiss.IndexHNSWFlat(vectors.shape[1], chosen.neighbours, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = chosen.construction
    index.add(np.ascontiguousarray(vectors, np.float32))
    directory.mkdir(parents=True, exist_ok=True)
    faiss.write_index(index, str(directory / _FILE))
    return asdict(chosen)


def load(directory: Path, parameters: dict[str, Any]) -> HnswIndex:
    """Opens what ``build`` wrote. Raises InvalidInputError when it is damaged."""
    try:
        return HnswIndex(_faiss().read_index(str(directory / _FILE)), HnswParameters(**parameters))
    except (RuntimeError, TypeError) as error:
        raise InvalidInputError("ann", f"{directory} holds no FAISS index that can be read: {error}") from error
