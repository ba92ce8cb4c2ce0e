"""A release directory as it answers: its sources and its ranked order, over any numbering of the items."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightgbm
import numpy as np
import numpy.typing as npt

from pipeline.artifacts import Artifacts
from pipeline.sources import default_sources
from pipeline.user import History
from training.models.fitted import Scores
from training.models.two_tower import FittedTwoTower
from training.models.two_tower.fitted import padded
from training.rankers.lambdamart import FittedLambdaMart
from training.rankers.past_requests import contexts_of
from training.rankers.ranked import Ranked
from training.rankers.settings import ExampleSettings
from training.tensorflow_runtime import load

tf = load()

AT_ONCE = 512
DEEPEST = 1000


@dataclass(frozen=True)
class ExportedTower:
    """The user tower of a release, as TensorFlow Serving would run it."""

    serve: Any
    features: int

    @classmethod
    def load(cls, release: Path) -> "ExportedTower | None":
        """The one version under ``models/user_tower``; None where the release has none."""
        versions = sorted((release / "models" / "user_tower").glob("*"))
        if not versions:
            return None
        model = tf.saved_model.load(str(versions[-1]))
        serve = model.signatures["serving_default"]
        return cls(_Held(model, serve), int(serve.structured_input_signature[1]["features"].shape[-1] or 0))

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
            parts.append(self.serve({name: tf.constant(value) for name, value in named.items()}))
        return np.concatenate(parts)


@dataclass(frozen=True)
class _Held:
    """Keeps the loaded model alive beside its signature."""

    model: Any
    signature: Any

    def __call__(self, inputs: dict[str, Any]) -> npt.NDArray[np.float32]:
        return np.asarray(self.signature(**inputs)["vector"].numpy(), np.float32)


@dataclass(frozen=True)
class Released:
    """A release directory opened for evaluation. ``rows`` int32[n] gives for each item of the asked numbering the
    row in this release, −1 where it does not know the item."""

    artifacts: Artifacts
    tower: ExportedTower | None
    ranked: Ranked
    rows: npt.NDArray[np.int32]

    @classmethod
    def load(cls, release: Path, item_ids: Sequence[str]) -> "Released":
        """Opens ``release``; questions and answers are numbered by ``item_ids``."""
        artifacts = Artifacts.load(release)
        tower = ExportedTower.load(release)
        forest = release / "lambdamart" / "model.txt"
        booster = lightgbm.Booster(model_file=str(forest)) if forest.is_file() else None
        ranked = Ranked(
            artifacts,
            default_sources(artifacts),
            cast("FittedTwoTower | None", tower),
            FittedLambdaMart(booster, artifacts.blend) if booster is not None else None,
            artifacts.blend,
            ExampleSettings().top,
            cast("tempfile.TemporaryDirectory[str]", None),
        )
        rows = np.fromiter((artifacts.row_of.get(i, -1) for i in item_ids), np.int32, len(item_ids))
        return cls(artifacts, tower, ranked, rows)

    @property
    def names(self) -> list[str]:
        """What can be asked: every source, and ``ranked``."""
        return [*(source.name for source in self.ranked.sources), "ranked"]

    def scores(self, name: str, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:
        """float32[b, n] in the asked numbering, −inf where not proposed."""
        own = [self._renumbered(history) for history in histories]
        dense = self.ranked.scores(own, now) if name == "ranked" else self._source(name, own, now)
        known = self.rows >= 0
        found = np.full((len(histories), len(self.rows)), -np.inf, np.float32)
        found[:, known] = dense[:, self.rows[known]]
        return found

    def _renumbered(self, history: History) -> History:
        rows = self.rows[history.rows]
        kept = rows >= 0
        return History(rows[kept], history.actions[kept], history.times[kept], history.ordered)

    def _source(self, name: str, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:
        (source,) = [source for source in self.ranked.sources if source.name == name]
        dense = np.full((len(histories), len(self.artifacts.items)), -np.inf, np.float32)
        for at, user in enumerate(contexts_of(histories, now, cast("FittedTwoTower | None", self.tower))):
            proposal = source.propose(user, DEEPEST)
            dense[at, proposal.rows] = proposal.scores
        return dense
