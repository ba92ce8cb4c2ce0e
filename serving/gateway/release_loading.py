"""Opens a release for serving: checked, its index and models at hand. Refused whole when anything is wrong."""

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from contracts.catalogue import Item
from contracts.errors import InvalidInputError, NotFoundError, UnavailableError
from contracts.experiment import RunningExperiment
from contracts.release import CHAMPION, Manifest
from feature_repo import item_daily, user_daily
from feature_repo.online import VIEWS
from pipeline import ann_library
from pipeline.ann import AnnIndex, ExactIndex
from pipeline.artifacts import Artifacts
from pipeline.items import Items
from pipeline.lambdamart import LambdaMart
from pipeline.ports import Ranker, UserTower
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.rules.bound import BoundRules
from pipeline.rules.schema import Rules
from pipeline.served import ServedRelease
from pipeline.sources import default_sources
from releases.store import DamagedReleaseError, ReleaseStore
from releases.verified import FOLDER, VerifiedReleases
from serving.gateway.new_item_vectors import NewItemModel, new_item_model
from serving.gateway.served_models import RANKER, USER_TOWER, ModelCalls, ServedRanker, ServedTower

log = logging.getLogger(__name__)

REFUSALS = (InvalidInputError, NotFoundError, DamagedReleaseError, OSError, ImportError)
"""What loading a release raises when it may not be served."""

MODEL_CALL_SECONDS = 2.0


@dataclass(frozen=True)
class LoadedRelease:
    """A release whose files are open. ``tower`` is None where it has none; ``rankers`` holds those it has by name."""

    manifest: Manifest
    artifacts: Artifacts
    index: AnnIndex | None
    tower: UserTower | None
    rankers: Mapping[str, Ranker]
    new_items: NewItemModel

    def served(self, items: Items, put: Sequence[Item], rules: Rules) -> ServedRelease:
        """What answers requests, over the item table of this moment: ``items`` is the release's with ``put`` added."""
        known = len(self.artifacts.items)
        by_id = {item.item_id: item for item in put}
        added = [by_id[item_id] for item_id in items.ids[known:]]
        artifacts = self.artifacts.with_items(items, self.new_items.vectors(added, items.year[known:]))
        return ServedRelease(
            release=self.manifest.id,
            artifacts=artifacts,
            sources=default_sources(artifacts, self.index),
            rules=BoundRules.bind(rules, items),
            tower=self.tower,
            ranker=self.rankers.get(self.manifest.ranker),
        )


class ReleaseLoader:
    """Opens releases of one store, their models behind one model server."""

    def __init__(self, root: Path, models: ModelCalls, home: Path, *, model_wait_seconds: float = 30.0) -> None:
        """Under ``home`` is remembered which releases were found whole."""
        self._store = ReleaseStore(root)
        self._verified = VerifiedReleases(self._store, home / FOLDER)
        self._models = models
        self._model_wait_seconds = model_wait_seconds

    def load(self, release_id: str, threads: int = 1) -> LoadedRelease:
        """Its files are compared with their hashes, on ``threads`` threads, if they were not yet. Raises one of
        REFUSALS when the release is missing, damaged, or needs what this gateway does not know; UnavailableError when
        the model server is up but has not loaded its models in time."""
        directory, manifest = self._store.open(release_id), self._store.manifest(release_id)
        check_features(manifest)
        with ThreadPoolExecutor(1, "verify") as pool:
            verified = pool.submit(self._verified.check, release_id, threads)
            try:
                artifacts = Artifacts.load(directory)
            finally:
                verified.result()  # that a file is damaged says more than what opening it ran into
        pa.default_memory_pool().release_unused()
        return LoadedRelease(
            manifest,
            artifacts,
            _index(directory, artifacts),
            self._tower(directory, manifest),
            self._rankers(directory, manifest, len(artifacts.items)),
            new_item_model(directory, artifacts),
        )

    def _tower(self, directory: Path, manifest: Manifest) -> UserTower | None:
        if not (directory / "models" / USER_TOWER).is_dir():
            return None
        names = [name for name in manifest.features if name in USER_FEATURES]
        width = self._width(USER_TOWER, manifest.model_version, "features")
        if width == 0:
            names = []
        elif width not in (None, -1, len(names)):
            raise InvalidInputError("features", f"the user tower reads {width}, the manifest names {len(names)}")
        return ServedTower(self._models, manifest.model_version, names)

    def _rankers(self, directory: Path, manifest: Manifest, items: int) -> dict[str, Ranker]:
        rankers: dict[str, Ranker] = {}
        if (directory / "models" / RANKER).is_dir():
            columns = manifest.ranking_features
            width = self._width(RANKER, manifest.model_version, "dynamic")
            if width not in (None, -1, len(columns)):
                raise InvalidInputError(
                    "ranking_features", f"the ranker reads {width}, the manifest names {len(columns)}"
                )
            rankers[ServedRanker.name] = ServedRanker(self._models, manifest.model_version, columns, items)
        forest = LambdaMart.of_release(directory)
        if forest is not None:
            rankers[LambdaMart.name] = forest
        if rankers and manifest.ranker not in rankers:
            raise InvalidInputError("ranker", f"the release has no {manifest.ranker}, which its manifest names")
        return rankers

    def _width(self, model: str, version: int, name: str) -> int | None:
        """The width of an input once the version is loaded; None when the model server does not answer at all."""
        end = time.monotonic() + self._model_wait_seconds
        while True:
            try:
                return self._models.input_widths(model, version, MODEL_CALL_SECONDS)[name]
            except UnavailableError:
                return None
            except NotFoundError as error:
                if time.monotonic() > end:
                    raise UnavailableError("model-server", f"it has not loaded {model} {version} yet") from error
            time.sleep(0.1)


USER_FEATURES = {feature.name: feature.version for feature in user_daily.FEATURES}
KNOWN_VERSIONS: dict[str, int] = {
    **{field.name: 1 for view in VIEWS.values() for field in view.fields},
    **dict.fromkeys(RANKING_FEATURES, 1),
    **USER_FEATURES,
    **{feature.name: feature.version for feature in item_daily.FEATURES},
}
"""Every feature that this gateway can compute, with the version of its meaning."""


def check_features(manifest: Manifest, known: dict[str, int] = KNOWN_VERSIONS) -> None:
    """Raises InvalidInputError when the release reads a feature, or a version of one, that is not ``known``."""
    unknown = [name for name, version in manifest.features.items() if known.get(name) != version]
    unknown += [name for name in manifest.ranking_features if name not in RANKING_FEATURES]
    if unknown:
        raise InvalidInputError("features", f"this gateway does not know the version of {', '.join(sorted(unknown))}")


def _index(directory: Path, artifacts: Artifacts) -> AnnIndex | None:
    if artifacts.vectors is None:
        return None
    if not (directory / "ann").is_dir():
        return ExactIndex(np.asarray(artifacts.vectors))
    try:
        return ann_library.load(directory / "ann", artifacts.vectors)
    except (InvalidInputError, ImportError) as error:
        log.warning("release %s: the index cannot be used, every item is compared instead: %s", directory.name, error)
        return ExactIndex(np.asarray(artifacts.vectors))


def release_ids(pointers: Mapping[str, str | None], running: Sequence[RunningExperiment]) -> list[str]:
    """The releases that pointers and arms name, each once, the champion first."""
    named = [
        pointers.get(CHAMPION),
        *pointers.values(),
        *(arm.release for one in running for arm in one.experiment.arms),
    ]
    return list(dict.fromkeys(one for one in named if one is not None))
