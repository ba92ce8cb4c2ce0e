"""Step evaluate: every model on one time holdout, beside the release in force and its anchor."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from contracts.errors import NotFoundError
from contracts.release import CHAMPION, Manifest
from database.engine import connect
from feature_repo import user_daily
from pipeline.user import UserContext
from releases.pointers import Pointers
from releases.store import DamagedReleaseError, ReleaseStore
from training.evaluation.bootstrap import intervals
from training.evaluation.metrics import Catalogue, Ragged, UserMetrics
from training.evaluation.metrics import evaluate as measure
from training.jobs.dataset import DataSet, load, user_features
from training.jobs.outputs import ANCHOR, DEEP, EASE, FOREST, TRAINED_TO, USERS
from training.jobs.progress import progress
from training.jobs.questions import Questions, ask, segments
from training.jobs.released import Popularity, Released
from training.jobs.run import Run
from training.models import popular
from training.models.fitted import Scores
from training.models.item_weights import ItemWeights, relative_popularity
from training.rankers.source_files import item_columns

KS = (10, 100, 1000)
RANKED = {FOREST: "ranked", DEEP: "ranked_deep", "": "retrieved"}
"""How the report calls the candidate's order under each ranker; without one it is that of retrieval."""


def references(run: Run) -> dict[str, Manifest]:
    """Releases to be compared with: ``champion`` and ``anchor`` (the release that the champion's line began with).

    None where there are none; an anchor that is gone or damaged is left out.
    """
    store = ReleaseStore(run.settings.releases)
    engine = connect(run.settings.database_url)
    try:
        champion = Pointers(engine).get(CHAMPION).release_id
    finally:
        engine.dispose()
    if champion is None or champion == run.id:
        return {}
    found = {CHAMPION: store.manifest(champion)}
    anchor = found[CHAMPION].notes.get(ANCHOR, champion)
    if anchor != champion:
        try:
            found[ANCHOR] = store.manifest(anchor)
        except (NotFoundError, DamagedReleaseError) as error:
            progress(f"evaluate: the anchor is left out, {error}")
    return found


def trained_to(manifest: Manifest) -> float:
    """Epoch seconds up to which a release's weights have learned; the end of its data where it does not say."""
    stated = manifest.notes.get(TRAINED_TO)
    return (datetime.fromisoformat(stated) if stated else manifest.data_to).timestamp()


def evaluate(run: Run, out: Path) -> Mapping[str, Any]:
    """Writes ``users.npz`` (per-user values ``model/metric`` and masks ``segment/name``).

    The ranker that serves was chosen in training: one chosen here would be judged by the users that chose it. Report:
    users, cut, ranker, candidate (its name among the models), models (model → metric → mean), intervals of the gate's
    metric, segments (name → model → mean), champion, anchor, trained_to (of these two).
    """
    data = load(run)
    asked = ask(data, user_features(run, data), run.inputs.seed)
    compared = references(run)
    measured = _measure_all(run, data, asked, compared) if len(asked) else {}
    masks, metric = segments(data, asked), run.settings.gate_metric
    held: dict[str, Any] = {f"segment/{name}": mask for name, mask in masks.items()}
    for model, of_model in measured.items():
        held |= {f"{model}/{name}": values for name, values in of_model.values.items()}
    np.savez(out / USERS, **held)
    per_user = {model: of_model.values[metric] for model, of_model in measured.items()}
    shown = intervals(per_user, seed=run.inputs.seed) if len(asked) else {}
    ranker = run.report("train_rankers")["serves"]
    return {
        "users": len(asked),
        "cut": data.cut,
        "ranker": ranker,
        "candidate": RANKED.get(ranker, RANKED[""]),
        "models": {model: of_model.means() for model, of_model in measured.items()},
        "intervals": {model: [one.lower, one.upper] for model, one in shown.items()},
        "segments": {
            name: {"users": int(mask.sum())} | {m: float(values[mask].mean()) for m, values in per_user.items()}
            for name, mask in masks.items()
            if mask.any()
        },
        "champion": compared[CHAMPION].id if CHAMPION in compared else None,
        "anchor": compared[ANCHOR].id if ANCHOR in compared else None,
        "trained_to": {name: trained_to(manifest) for name, manifest in compared.items()},
    }


def _measure_all(run: Run, data: DataSet, asked: Questions, compared: Mapping[str, Manifest]) -> dict[str, UserMetrics]:
    """The candidate's sources, its orders, and the references as they serve, with popularity as of the cut."""
    store, seen = ReleaseStore(run.settings.releases), Ragged.of([np.unique(h.rows) for h in asked.histories])
    catalogue = Catalogue(_categories(data), data.train.counts().astype(np.float64))

    def told(title: str, score: Callable[[int, int], Scores]) -> UserMetrics:
        progress(f"evaluate: {title} on {len(asked):,} users")
        return measure(score, seen, asked.targets, len(data.items), KS, catalogue=catalogue)

    candidate = Released.load(run.output("assemble") / "release", data.items.item_ids)
    users = candidate.users(asked.histories, asked.now, asked.features)
    measured = {name: told(name, partial(_proposed, candidate, name, users)) for name in candidate.sources}
    weights = run.output("train_item_models") / EASE
    if weights.is_file():
        ease = ItemWeights(np.load(weights), relative_popularity(data.train.counts()))
        measured["ease"] = told(
            "ease", lambda start, stop: ease.scores(asked.histories[start:stop], asked.now[start:stop])
        )
    answers = candidate.answers(users)
    for ranker in ["", *candidate.rankers]:
        title = RANKED[ranker]
        measured[title] = told(title, partial(candidate.ranked, answers, ranker))
    for name, manifest in compared.items():
        other = Released.load(store.open(manifest.id), data.items.item_ids, manifest.ranker).counted(_popularity(data))
        given = other.answers(other.users(asked.histories, asked.now, features_of(manifest, asked.features)))
        order = manifest.ranker if manifest.ranker in other.rankers else ""
        measured[name] = told(name, partial(other.ranked, given, order))
    return measured


def _proposed(release: Released, source: str, users: list[UserContext], start: int, stop: int) -> Scores:
    return release.proposed(source, users[start:stop])


def features_of(manifest: Manifest, known: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """float32[q, F] of the features that a release reads, in its order, out of ``known`` float32[q, ·] (columns
    ``user_daily.FEATURES``); NaN for one that is not computed any more."""
    now = {feature.name: (at, feature.version) for at, feature in enumerate(user_daily.FEATURES)}
    table = np.full((len(known), len(manifest.features)), np.nan, np.float32)
    for column, (name, version) in enumerate(manifest.features.items()):
        at, computed = now.get(name, (0, None))
        if computed == version:
            table[:, column] = known[:, at]
    return table


def _popularity(data: DataSet) -> Popularity:
    """As of the cut."""
    counted, liked = item_columns(data.train, data.items), popular.fit(data.train, data.items)
    counts = [counted[name].to_numpy().astype(np.float32) for name in ("count", "count_7d", "count_28d")]
    return Popularity(counts[0], counts[1], counts[2], liked.popular, liked.trending)


def _categories(data: DataSet) -> sparse.csr_matrix:
    items = data.items
    ones = np.ones(len(items.category_indices))
    shape = (len(items), max(len(items.category_names), 1))
    return sparse.csr_matrix((ones, items.category_indices, items.category_indptr), shape=shape)
