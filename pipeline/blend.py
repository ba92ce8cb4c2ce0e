"""The retrieval order: a linear blend of ranking features, learned with the rankers, that orders candidates before a
ranker sees them and instead of one that is down."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.ranking_columns import RANKING_FEATURES


@dataclass(frozen=True)
class Blend:
    """score = Σ weights · (feature − mean) / scale over the columns named; each array is float32[c]."""

    columns: tuple[str, ...]
    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]

    def score(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32[n] for ``features`` float32[n, K] (columns RANKING_FEATURES)."""
        slopes, intercept = self._line
        score: npt.NDArray[np.float32] = features @ slopes + intercept
        return score

    @cached_property
    def _line(self) -> tuple[npt.NDArray[np.float32], np.float32]:
        """The same as one product with all columns: slopes float32[K] and an intercept."""
        slopes = np.zeros(len(RANKING_FEATURES), np.float32)
        slopes[[RANKING_FEATURES.index(name) for name in self.columns]] = self.weights / self.scale
        return slopes, np.float32(-(self.mean / self.scale) @ self.weights)

    def save(self, path: Path) -> None:
        """Writes the JSON that ``load`` reads."""
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {
            name: {"mean": float(m), "scale": float(s), "weight": float(w)}
            for name, m, s, w in zip(self.columns, self.mean, self.scale, self.weights, strict=True)
        }
        path.write_text(json.dumps(columns, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Blend | None":
        """Reads a saved blend; None when the release has none. Raises ValueError for a column that is no feature."""
        if not path.exists():
            return None
        columns = json.loads(path.read_text())
        unknown = set(columns) - set(RANKING_FEATURES)
        if unknown:
            raise ValueError(f"{path.name} names the feature {min(unknown)}, which this version does not know")

        def numbers(key: str) -> npt.NDArray[np.float32]:
            return np.array([c[key] for c in columns.values()], np.float32)

        return cls(tuple(columns), numbers("mean"), numbers("scale"), numbers("weight"))
