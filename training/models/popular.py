"""What everybody does: the baseline that every model must beat."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.user import History
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models.fitted import Progress, Scores, silent

DAY = 86_400.0


@dataclass(frozen=True)
class PopularSettings:
    """``half_life_days`` of the decayed popularity that says what is trending."""

    half_life_days: float = 2.0


@dataclass(frozen=True)
class FittedPopular:
    """``popular`` float32[n] actions of all time, ``trending`` float32[n] actions decayed at the latest one."""

    popular: npt.NDArray[np.float32]
    trending: npt.NDArray[np.float32]
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:  # noqa: ARG002
        """The same float32[n] for every one of the b users, float32[b, n]."""
        return np.tile(self.popular, (len(histories), 1))

    def export(self, release_dir: Path) -> None:
        """``popular.npy`` and ``trending.npy``."""
        np.save(release_dir / "popular.npy", self.popular)
        np.save(release_dir / "trending.npy", self.trending)


def fit(
    sequences: Sequences,
    items: ItemTable,  # noqa: ARG001
    *,
    settings: PopularSettings | None = None,
    seed: int = 0,  # noqa: ARG001
    budget_seconds: float = 0.0,  # noqa: ARG001
    progress: Progress = silent,  # noqa: ARG001
) -> FittedPopular:
    """Counts. Without times trending is the same as popular."""
    settings = settings or PopularSettings()
    popular = sequences.counts().astype(np.float32)
    if not sequences.ordered or not len(sequences):
        return FittedPopular(popular, popular.copy())
    age_days = (sequences.times.max() - sequences.times) / DAY
    decayed = np.bincount(sequences.rows, 2.0 ** (-age_days / settings.half_life_days), minlength=sequences.items)
    return FittedPopular(popular, decayed.astype(np.float32))
