"""SavedModels of a release, run here as TensorFlow Serving would run them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.errors import NotFoundError
from pipeline.user import History, UserContext
from training.models.two_tower.fitted import padded
from training.tensorflow_runtime import load

tf = load()

AT_ONCE = 512


def _signature(release: Path, name: str) -> tuple[Any, Any]:
    """The one version under ``models/<name>`` and its signature. Raises NotFoundError where the release has none."""
    versions = sorted((release / "models" / name).glob("*"))
    if not versions:
        raise NotFoundError(f"{release.name} has no model {name}")
    model = tf.saved_model.load(str(versions[-1]))
    return model, model.signatures["serving_default"]


@dataclass(frozen=True)
class ExportedTower:
    """A user tower. ``model`` keeps the signature ``serve`` alive; ``features`` is how many it reads."""

    model: Any
    serve: Any
    features: int

    @classmethod
    def load(cls, release: Path) -> "ExportedTower":
        """That of a release directory. Raises NotFoundError where it has none."""
        model, serve = _signature(release, "user_tower")
        return cls(model, serve, int(serve.structured_input_signature[1]["features"].shape[-1] or 0))

    def vectors(
        self,
        histories: Sequence[History],
        now: npt.NDArray[np.float64],
        features: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """float32[b, d]; ``features`` float32[b, F], NaN (or None) where unknown."""
        if features is None:
            features = np.full((len(histories), self.features), np.nan, np.float32)
        parts = []
        for start in range(0, len(histories), AT_ONCE):
            span = slice(start, start + AT_ONCE)
            items, actions, ages = padded(histories[span], now[span])
            named = {"items": items, "actions": actions, "ages": ages, "features": features[span]}
            answer = self.serve(**{name: tf.constant(value) for name, value in named.items()})
            parts.append(np.asarray(answer["vector"].numpy(), np.float32))
        return np.concatenate(parts)


@dataclass(frozen=True)
class ExportedRanker:
    """A deep ranker. ``model`` keeps the signature ``serve`` alive."""

    model: Any
    serve: Any

    @classmethod
    def load(cls, release: Path) -> "ExportedRanker":
        """That of a release directory. Raises NotFoundError where it has none."""
        return cls(*_signature(release, "ranker"))

    def score(
        self, user: UserContext, rows: npt.NDArray[np.int32], features: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """float32[n] for candidates int32[n] with ``features`` float32[n, K]."""
        history = user.history
        ages = np.maximum(user.now - history.times, 0) if history.ordered else np.zeros(len(history))
        answer = self.serve(
            history=tf.constant((history.rows + 1)[None].astype(np.int32)),
            history_actions=tf.constant(history.actions[None].astype(np.int32)),
            history_ages=tf.constant(ages[None].astype(np.float32)),
            items=tf.constant((rows + 1).astype(np.int32)),
            dynamic=tf.constant(features),
        )
        return np.asarray(answer["scores"].numpy(), np.float32)
