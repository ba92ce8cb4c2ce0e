"""What every candidate model is once fitted."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.user import History

Progress = Callable[[str], None]
"""Takes one line for the person who waits."""

Scores = npt.NDArray[np.float32]


class Fitted(Protocol):
    """A trained model. ``curves`` are its training curves: name → (step or seconds, value) points."""

    @property
    def curves(self) -> dict[str, list[tuple[float, float]]]: ...

    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:
        """float32[b, n] of every item for ``b`` users at ``now`` float64[b] epoch seconds; seen items not removed."""
        ...

    def export(self, release_dir: Path) -> None:
        """Writes the model's files of a release directory."""
        ...


def silent(_: str) -> None:
    """Progress that nobody reads."""
