"""What a user would be served, without business rules: candidates of all sources blended, then the ranker."""

import importlib
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.artifacts import Artifacts
from pipeline.blend import Blend
from pipeline.candidates import Source
from pipeline.ranking_columns import SCORED_SOURCES
from pipeline.sources import default_sources
from pipeline.user import History
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models.fitted import Fitted, Progress, Scores, silent
from training.models.two_tower import FittedTwoTower
from training.rankers import lambdamart
from training.rankers.examples import Examples
from training.rankers.labelling import before_labels, label_by
from training.rankers.lambdamart import FittedLambdaMart
from training.rankers.one_thread import one_thread
from training.rankers.order import Ranker, orders
from training.rankers.past_requests import contexts_of, shuffled_where_unordered
from training.rankers.settings import ExampleSettings, LambdaMartSettings
from training.rankers.source_files import write_sources

RANKED_AT = 10
REQUESTS_A_SECOND = 50
"""Past requests replayed for each second of a long budget, an eighth of it on two cores. On MovieLens-1M all 15,700
gave NDCG@10 .2108 where 11,100 gave .2090, over the same sources."""
TOWER_SHARE = 0.5
"""Share of the budget for the two-tower that has not seen the labels."""


@dataclass(frozen=True)
class Ranked:
    """The pipeline over fitted models: implements ``training.models.fitted.Fitted``. ``release`` holds the sources'
    files while this object lives, None where they lie elsewhere; ``ranker`` is None where nothing could be learned."""

    artifacts: Artifacts
    sources: tuple[Source, ...]
    tower: FittedTwoTower | None
    ranker: FittedLambdaMart | None
    blend: Blend | None
    top: int
    release: tempfile.TemporaryDirectory[str] | None = None
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:
        """float32[b, n]: the ranker's order of the best candidates, below it the others, −inf elsewhere."""
        dense = np.full((len(histories), len(self.artifacts.items)), -np.inf, np.float32)
        forest = self.ranker
        rankers = {} if forest is None else {"": Ranker(lambda _user, _rows, table: forest.score(table), self.top)}
        users = contexts_of(histories, now, self.tower)
        with one_thread():
            for at, user in enumerate(users):
                rows, found = orders(user, self.artifacts, self.sources, self.blend, rankers)
                dense[at, rows] = found[""]
        return dense

    def export(self, release_dir: Path) -> None:
        """The ranker's files; the sources' are written by their own models."""
        if self.ranker is not None:
            self.ranker.export(release_dir)
        if self.artifacts.transitions is not None:
            self.artifacts.transitions.save(release_dir / "transitions")


def fit_ranked(
    train: Sequences,
    items: ItemTable,
    fitted: Mapping[str, Fitted],
    *,
    seed: int = 0,
    budget_seconds: float = 300.0,
    progress: Progress = silent,
    settings: ExampleSettings | None = None,
    forest: LambdaMartSettings | None = None,
) -> Ranked:
    """Learns to rank what the sources among ``fitted`` find. Its labels are the last actions of each user, seen through
    sources refitted without them; ``fitted`` themselves serve. A two-tower that kept its ``earlier`` self is not
    refitted, any other takes half of ``budget_seconds``; the forest has what is left, at least half."""
    groups = max(ExampleSettings.groups, int(REQUESTS_A_SECOND * budget_seconds))
    settings = settings or ExampleSettings(groups=groups)
    started = time.monotonic()
    examples, blend = label(train, items, fitted, settings, seed, budget_seconds * TOWER_SHARE, progress)
    ranker = None
    if (~examples.validates).any():
        progress(f"rankers: LambdaMART learns from {len(examples.group):,} requests")
        left = max(budget_seconds - (time.monotonic() - started), budget_seconds / 2)
        ranker = lambdamart.fit(
            examples, blend=blend, settings=forest, seed=seed, budget_seconds=left, progress=progress
        )
        retrieved, validated = retrieval_ndcg(examples, blend), ranker.validation
        if retrieved > validated:
            progress(f"rankers: the retrieval order stays, NDCG@10 {retrieved:.4f} against {validated:.4f}")
            ranker = None
    release = tempfile.TemporaryDirectory(prefix="headwater-ranked-")
    write_sources(Path(release.name), train, items, _sources_among(fitted))
    artifacts = Artifacts.load(Path(release.name))
    curves = ranker.curves if ranker is not None else {}
    tower, sources = _tower(fitted), default_sources(artifacts)
    ranked = Ranked(artifacts, sources, tower, ranker, blend, settings.top, release, curves)
    weakref.finalize(ranked, release.cleanup)
    return ranked


def retrieval_ndcg(examples: Examples, blend: Blend | None) -> float:
    """NDCG@10 of the retrieval order on the validating requests, each with one wanted candidate or more (the best
    placed counts); 0 where there is no blend."""
    if blend is None or not examples.validates.any():
        return 0.0
    chosen = examples.where(examples.validates)
    gains, stop = [], np.cumsum(chosen.group)
    for end, size in zip(stop.tolist(), chosen.group.tolist(), strict=True):
        span = slice(end - size, end)
        order = np.argsort(-blend.score(chosen.features[span]), kind="stable")
        rank = int(np.argmax(chosen.labels[span][order] > 0))
        gains.append(1.0 / np.log2(rank + 2.0) if rank < RANKED_AT else 0.0)
    return float(np.mean(gains))


def label(
    train: Sequences,
    items: ItemTable,
    fitted: Mapping[str, Fitted],
    settings: ExampleSettings,
    seed: int,
    tower_seconds: float,
    progress: Progress = silent,
) -> tuple[Examples, Blend | None]:
    """``label_by`` the sources among ``fitted``, refitted without the labels; a two-tower that kept its ``earlier``
    self needs no refitting."""
    train = shuffled_where_unordered(train, seed)
    earlier = before_labels(train, settings)
    refitted: dict[str, Fitted] = {}
    for name, model_given in _sources_among(fitted).items():
        before = model_given.earlier if isinstance(model_given, FittedTwoTower) else None
        if train.ordered and before is not None and before.actions == len(earlier):
            refitted[name] = before
            continue
        progress(f"rankers: {name} without the last {settings.targets} actions of each user")
        model = importlib.import_module(f"training.models.{name}")
        seconds = tower_seconds if name == "two_tower" else 0.0
        refitted[name] = model.fit(earlier, items, seed=seed, budget_seconds=seconds, progress=progress)
    with tempfile.TemporaryDirectory(prefix="headwater-labels-") as directory:
        write_sources(Path(directory), earlier, items, refitted)
        return label_by(Path(directory), _tower(refitted), train, settings, seed, progress)


def _sources_among(fitted: Mapping[str, Fitted]) -> dict[str, Fitted]:
    return {name: model for name, model in fitted.items() if name in SCORED_SOURCES}


def _tower(fitted: Mapping[str, Fitted]) -> FittedTwoTower | None:
    tower = fitted.get("two_tower")
    return tower if isinstance(tower, FittedTwoTower) else None
