"""Spotify's Voyager behind the door of ``pipeline.ann``: HNSW (Malkov, Yashunin, 2016) with wheels for every system."""

import importlib
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError
from pipeline.ann_faiss import HnswParameters
from pipeline.candidates import Proposal

NAME = "voyager"
_FILE = "hnsw.voyager"


@cache
def _voyager() -> Any:
    return importlib.import_module("voyager")


class VoyagerIndex:
    """A loaded graph. Searches may run on several threads."""

    def __init__(self, index: Any, parameters: HnswParameters) -> None:
        self._index = index
        self._parameters = parameters

    def search(self, vector: npt.NDArray[np.float32], count: int) -> Proposal:
        """See AnnIndex. Fewer where the graph does not lead to as many: Voyager then gives none of them, so that half
        as many are asked for."""
        wanted = min(count, len(self._index))
        try:
            rows, distances = self._index.query(
                np.ascontiguousarray(vector, np.float32), k=wanted, query_ef=max(self._parameters.search, wanted)
            )
        except _voyager().RecallError:
            return self.search(vector, wanted // 2)
        return Proposal(rows.astype(np.int32), np.float32(1) - distances)


def build(
    vectors: npt.NDArray[np.float32], directory: Path, parameters: HnswParameters | None = None
) -> dict[str, Any]:
    """Builds over ``vectors`` float32[n, d] and writes into ``directory``. Returns the parameters as written down."""
    chosen = parameters or HnswParameters()
    voyager = _voyager()
    index = voyager.Index(
        voyager.Space.InnerProduct,
        num_dimensions=vectors.shape[1],
        M=chosen.neighbours,
        ef_construction=chosen.construction,
        max_elements=len(vectors),
    )
    # On several threads its inner-product space stores some items' vectors under others' numbers (seen with 2.2.3: up
    # to 198 of 5,000 in 16 of 25 builds, none in 25 builds on one).
    index.add_items(np.ascontiguousarray(vectors, np.float32), num_threads=1)
    directory.mkdir(parents=True, exist_ok=True)
    index.save(str(directory / _FILE))
    return asdict(chosen)


def load(directory: Path, parameters: dict[str, Any]) -> VoyagerIndex:
    """Opens what ``build`` wrote. Raises InvalidInputError when it is damaged."""
    try:
        return VoyagerIndex(_voyager().Index.load(str(directory / _FILE)), HnswParameters(**parameters))
    except (RuntimeError, TypeError) as error:
        raise InvalidInputError("ann", f"{directory} holds no Voyager index that can be read: {error}") from error
