"""Steps evaluate and gate: every model on one time holdout, and the verdict."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.errors import NotFoundError
from contracts.release import CHAMPION
from database.engine import connect
from pipeline.user import History
from releases.pointers import Pointers
from releases.store import DamagedReleaseError, ReleaseStore
from training.evaluation.bootstrap import intervals
from training.evaluation.gate import GateRules, Holdout
from training.evaluation.gate import gate as decide
from training.evaluation.metrics import Catalogue, Ragged, UserMetrics
from training.evaluation.metrics import evaluate as measure
from training.evaluation.segments import by_activity, by_gap, new_items
from training.jobs.dataset import DataSet, load
from training.jobs.models import progress
from training.jobs.released import Released
from training.jobs.run import Run
from training.models.fitted import Scores

MOST_USERS = 2000
KS = (10, 100, 1000)
BASELINES = ("popular", "item_knn")
ANCHOR = "anchor"


def questions(data: DataSet, seed: int) -> tuple[list[History], npt.NDArray[np.float64], Ragged, npt.NDArray[np.int64]]:
    """One question a user: an action of the holdout at random among those on an item new to the user.

    What the user did before that action is the history (what serving would know), its time is now, its item the
    target. At most MOST_USERS users at random. Returns histories, now float64[U], targets, users int64[U].
    """
    chance = np.random.default_rng(seed)
    everything = data.everything
    histories, now, targets, users = [], [], [], []
    held_out = np.flatnonzero(everything.times >= data.cut)
    candidates = np.unique(everything.user_of[held_out])
    for u in chance.permutation(candidates).tolist():
        span = slice(int(everything.indptr[u]), int(everything.indptr[u + 1]))
        rows, times = everything.rows[span], everything.times[span]
        _, first = np.unique(rows, return_index=True)
        fresh = first[times[first] >= data.cut]
        if not len(fresh):
            continue
        at = int(chance.choice(fresh))
        histories.append(everything.history(u, at))
        now.append(times[at])
        targets.append([int(rows[at])])
        users.append(u)
        if len(users) == MOST_USERS:
            break
    return histories, np.asarray(now, np.float64), Ragged.of(targets), np.asarray(users, np.int64)


def references(run: Run) -> dict[str, str]:
    """Releases to be compared with: ``champion`` and ``anchor`` (the release that the champion's line began with).

    None where there are none; a release that is gone or damaged is left out.
    """
    store = ReleaseStore(run.settings.releases)
    engine = connect(run.settings.database_url)
    try:
        champion = Pointers(engine).get(CHAMPION).release_id
    finally:
        engine.dispose()
    if champion is None or champion == run.id:
        return {}
    found = {CHAMPION: champion}
    try:
        anchor = store.manifest(champion).notes.get(ANCHOR, champion)
        if anchor != champion:
            store.open(anchor)
            found[ANCHOR] = anchor
    except (NotFoundError, DamagedReleaseError) as error:
        progress(f"evaluate: the anchor is left out, {error}")
    return found


def evaluate(run: Run, out: Path) -> Mapping[str, Any]:
    """Writes ``users.npz`` (per-user values ``model/metric`` and masks ``segment/name``).

    Report: users, cut, models (model → metric → mean), intervals of the gate's metric, segments (name → model →
    mean), champion, anchor.
    """
    data = load(run)
    histories, now, targets, users = questions(data, run.inputs.seed)
    seen = Ragged.of([np.unique(history.rows) for history in histories])
    release = run.output("assemble") / "release"
    store, compared = ReleaseStore(run.settings.releases), references(run)
    opened = {"": Released.load(release, data.items.item_ids)}
    opened |= {name: Released.load(store.open(at), data.items.item_ids) for name, at in compared.items()}
    asked = [("", name, name) for name in opened[""].names] + [(name, "ranked", name) for name in compared]
    catalogue = Catalogue(popularity=data.train.counts().astype(np.float64))
    measured: dict[str, UserMetrics] = {}
    for of, name, title in asked if len(users) else []:
        progress(f"evaluate: {title} on {len(users):,} users")
        measured[title] = measure(
            _block(opened[of], name, histories, now),
            seen,
            targets,
            len(data.items),
            KS,
            catalogue=catalogue,
        )
    masks = _segments(data, histories, now, targets, users)
    metric = run.settings.gate_metric
    held: dict[str, Any] = {f"segment/{name}": mask for name, mask in masks.items()}
    for model, of_model in measured.items():
        held |= {f"{model}/{name}": values for name, values in of_model.values.items()}
    np.savez(out / "users.npz", **held)
    per_user = {model: of_model.values[metric] for model, of_model in measured.items()}
    shown = intervals(per_user, seed=run.inputs.seed) if len(users) else {}
    return {
        "users": len(users),
        "cut": data.cut,
        "models": {model: of_model.means() for model, of_model in measured.items()},
        "intervals": {model: [one.lower, one.upper] for model, one in shown.items()},
        "segments": {
            name: {"users": int(mask.sum())} | {m: float(values[mask].mean()) for m, values in per_user.items()}
            for name, mask in masks.items()
            if mask.any()
        },
        "champion": compared.get(CHAMPION),
        "anchor": compared.get(ANCHOR),
    }


def _block(
    release: Released, name: str, histories: list[History], now: npt.NDArray[np.float64]
) -> Callable[[int, int], Scores]:
    return lambda start, stop: release.scores(name, histories[start:stop], now[start:stop])


def _segments(
    data: DataSet,
    histories: list[History],
    now: npt.NDArray[np.float64],
    targets: Ragged,
    users: npt.NDArray[np.int64],
) -> dict[str, npt.NDArray[np.bool_]]:
    if not len(users):
        return {}
    gaps = np.asarray([now[at] - h.times[-1] if len(h) else np.nan for at, h in enumerate(histories)])
    masks = by_activity(data.train.lengths[users]) | by_gap(gaps)
    return masks | new_items(targets, data.items.first_seen, data.cut)


def gate(run: Run, out: Path) -> Mapping[str, Any]:
    """The verdict on what ``evaluate`` measured, as ``training.evaluation.gate`` states it."""
    held = np.load(run.output("evaluate") / "users.npz")
    metric = run.settings.gate_metric
    values = {name.rsplit("/", 1)[0]: held[name] for name in held.files if name.endswith(f"/{metric}")}
    nobody: npt.NDArray[np.float64] = np.empty(0)
    holdout = Holdout(
        candidate=values.get("ranked", nobody),
        baselines={name: values[name] for name in BASELINES if name in values},
        champion=values.get(CHAMPION),
        anchor=values.get(ANCHOR),
        segments={n.removeprefix("segment/"): held[n] for n in held.files if n.startswith("segment/")},
    )
    rules = GateRules(metric=metric, margin=run.settings.gate_margin, strict=run.settings.gate_strict)
    verdict = decide(holdout, rules)
    (out / "gate.json").write_text(json.dumps(verdict.as_json(), indent=1))
    return {"passed": verdict.passed, "reasons": verdict.reasons, "checks": [c.reason for c in verdict.checks]}
