"""ScaNN behind the door of ``pipeline.ann``: tree, asymmetric hashing, exact reordering (Guo et al., ICML 2020).

``scann/__init__`` imports TensorFlow (10 s, 600 MB) only for operations that are not used here, so the pybind module
is loaded under a bare package. An index is immutable: mixing searches with upserts gives wrong pairs of id and score.
"""

import importlib
import importlib.util
import sys
import types
from dataclasses import asdict, dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError
from pipeline.candidates import Proposal

NAME = "scann"
_LARGE = 5_000_000
"""From here on the vectors are reordered in bfloat16, to halve the index."""


@dataclass(frozen=True, slots=True)
class ScannParameters:
    """``leaves`` of the tree and how many of them a search opens; ``reorder`` best of those are scored exactly."""

    leaves: int
    leaves_to_search: int
    reorder: int
    bfloat16: bool = False
    threads: int = 2

    @classmethod
    def for_items(cls, items: int) -> "ScannParameters":
        """Parameters for recall@1000 ≥ .98 on the queries of ``bench ann``, measured at 10k, 100k and 1M items; at 10M
        on easier ones."""
        leaves = max(1, int(sqrt(items) * (1 + min(items / 1_000_000, 1.0))))
        if items >= _LARGE:
            return cls(4000, 800, 8000, bfloat16=True)
        return cls(leaves, max(1, round(leaves * 0.32)), min(items, 4000 if items < 300_000 else 8000))


@cache
def _pybind() -> Any:
    if "scann" not in sys.modules:
        spec = importlib.util.find_spec("scann")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("scann has no wheel for this system; use faiss or exact")
        package = types.ModuleType("scann")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["scann"] = package
    return importlib.import_module("scann.scann_ops.py.scann_ops_pybind")


class ScannIndex:
    """A loaded index. Searches may run on several threads; each releases the interpreter."""

    def __init__(self, searcher: Any, parameters: ScannParameters) -> None:
        self._searcher = searcher
        self._parameters = parameters

    def search(self, vector: npt.NDArray[np.float32], count: int) -> Proposal:
        """See AnnIndex."""
        rows, scores = self._searcher.search(
            np.ascontiguousarray(vector, np.float32),
            final_num_neighbors=count,
            pre_reorder_num_neighbors=max(self._parameters.reorder, count),
            leaves_to_search=self._parameters.leaves_to_search,
        )
        found = np.isfinite(scores)
        return Proposal(rows[found].astype(np.int32), scores[found].astype(np.float32, copy=False))


def build(
    vectors: npt.NDArray[np.float32], directory: Path, parameters: ScannParameters | None = None
) -> dict[str, Any]:
    """Builds over ``vectors`` float32[n, d] and writes into ``directory``. Returns the parameters as written down.

    Raises InvalidInputError when there are too few vectors to train the quantiser (16), ImportError off Linux.
    """
    if len(vectors) < 16:
        raise InvalidInputError("vectors", f"{len(vectors)} are too few for ScaNN; use exact")
    chosen = parameters or ScannParameters.for_items(len(vectors))
    builder = _pybind().builder(np.ascontiguousarray(vectors, np.float32), 1000, "dot_product")
    builder = builder.tree(
        num_leaves=chosen.leaves,
        num_leaves_to_search=chosen.leaves_to_search,
        training_sample_size=min(len(vectors), 250_000),
        quantize_centroids=chosen.leaves >= 1000,
    ).score_ah(2, anisotropic_quantization_threshold=0.2)
    options = {"quantize": _pybind().scann_builder.ReorderType.BFLOAT16} if chosen.bfloat16 else {}
    searcher = builder.reorder(chosen.reorder, **options).set_n_training_threads(chosen.threads).build()
    directory.mkdir(parents=True, exist_ok=True)
    searcher.serialize(str(directory), relative_path=True)
    return asdict(chosen)


def load(directory: Path, parameters: dict[str, Any]) -> ScannIndex:
    """Opens what ``build`` wrote. Raises InvalidInputError when it is damaged, ImportError off Linux."""
    try:
        searcher = _pybind().load_searcher(str(directory), assets_backcompat_shim=False)
        return ScannIndex(searcher, ScannParameters(**parameters))
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise InvalidInputError("ann", f"{directory} holds no ScaNN index that can be read: {error}") from error
