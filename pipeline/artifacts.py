"""A release directory opened for the request path: arrays mapped from its files, nothing computed per request."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from contracts.errors import InvalidInputError
from contracts.release import HISTORY_LENGTH
from pipeline import mapped_items
from pipeline.blend import Blend
from pipeline.items import Items
from pipeline.sparse import SparseRows


@dataclass(frozen=True, slots=True)
class SequentialWeights:
    """Item → next-item weights and how the past fades: ``half_life`` in actions (infinite: it does not), ``window``
    actions are read."""

    weights: SparseRows
    half_life: float
    window: int


@dataclass(frozen=True, slots=True)
class AlsFactors:
    """Item factors float32[n, k], their gram matrix float32[k, k], and the settings that fold a user in:
    confidence 1 + ``alpha``, ridge ``regularisation`` per action (Hu, Koren, Volinsky, ICDM 2008); the last ``window``
    actions are read."""

    items: npt.NDArray[np.float32]
    gram: npt.NDArray[np.float32]
    alpha: float
    regularisation: float
    window: int = HISTORY_LENGTH


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What one release brings to the pipeline. A part that the release does not hold is None, its source is absent.

    ``vectors`` float32[n, d] are the two-tower's item vectors: their inner product with the user vector is the score.
    ``transitions`` are the shares of users who went from one item directly to the next. ``blend`` orders candidates
    where no ranker does. ``fresh_vectors`` float32[m, d] belong to items that were added after the release was made,
    rows n … n + m − 1 of ``items``.
    """

    items: Items
    vectors: npt.NDArray[np.float32] | None = None
    sequential: SequentialWeights | None = None
    item_knn: SparseRows | None = None
    als: AlsFactors | None = None
    transitions: SparseRows | None = None
    blend: Blend | None = None
    fresh_vectors: npt.NDArray[np.float32] | None = None

    def with_items(self, items: Items, fresh_vectors: npt.NDArray[np.float32] | None = None) -> "Artifacts":
        """The same models over a changed item table (new popularity, hidden or added items)."""
        return replace(self, items=items, fresh_vectors=self.fresh_vectors if fresh_vectors is None else fresh_vectors)

    def vectors_of(self, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """float32[r, d]: vectors of ``rows`` int32[r], zero for an item that has none."""
        if self.vectors is None:
            return np.zeros((len(rows), 0), np.float32)
        n = len(self.vectors)
        if not len(rows) or rows.max() < n:
            return np.asarray(self.vectors[rows])
        found = np.zeros((len(rows), self.vectors.shape[1]), np.float32)
        trained = rows < n
        found[trained] = self.vectors[rows[trained]]
        if self.fresh_vectors is not None:
            fresh = ~trained & (rows < n + len(self.fresh_vectors))
            found[fresh] = self.fresh_vectors[rows[fresh] - n]
        return found

    @classmethod
    def load(cls, release: Path) -> "Artifacts":
        """Opens a release directory. ``items.arrow`` (or ``items.parquet``), ``popular.npy`` and ``trending.npy`` are
        required; a model's folder may be absent, but not incomplete. Raises InvalidInputError naming what is missing
        or damaged."""
        try:
            return cls(
                items=mapped_items.load(release),
                vectors=_vectors(release / "vectors" / "items.npy"),
                sequential=_sequential(release / "sequential"),
                item_knn=_sparse(release / "item_knn"),
                als=_als(release / "als"),
                transitions=_sparse(release / "transitions"),
                blend=Blend.load(release / "lambdamart" / "blend.json"),
            )._checked()
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise InvalidInputError("release", f"{release.name} cannot be opened: {error}") from error

    def _checked(self) -> "Artifacts":
        n = len(self.items)
        lengths = {
            "popular.npy": len(self.items.popular),
            "trending.npy": len(self.items.trending),
            "vectors/items.npy": n if self.vectors is None else len(self.vectors),
            "sequential": n if self.sequential is None else len(self.sequential.weights),
            "item_knn": n if self.item_knn is None else len(self.item_knn),
            "transitions": n if self.transitions is None else len(self.transitions),
            "als/items.npy": n if self.als is None else len(self.als.items),
        }
        for name, length in lengths.items():
            if length != n:
                raise ValueError(f"{name} has {length} rows where the item table has {n}")
        return self


def _vectors(path: Path) -> npt.NDArray[np.float32] | None:
    return np.load(path, mmap_mode="r").view(np.ndarray) if path.exists() else None


def _sequential(directory: Path) -> SequentialWeights | None:
    if not directory.exists():
        return None
    settings = json.loads((directory / "settings.json").read_text())
    return SequentialWeights(
        SparseRows.load(directory), settings["half_life"] or math.inf, settings["window"] or HISTORY_LENGTH
    )


def _sparse(directory: Path) -> SparseRows | None:
    return SparseRows.load(directory) if directory.exists() else None


def _als(directory: Path) -> AlsFactors | None:
    if not directory.exists():
        return None
    settings = json.loads((directory / "settings.json").read_text())
    return AlsFactors(
        np.load(directory / "items.npy", mmap_mode="r").view(np.ndarray),
        np.load(directory / "gram.npy"),
        float(settings["alpha"]),
        float(settings["regularisation"]),
        int(settings.get("history", HISTORY_LENGTH)),
    )
