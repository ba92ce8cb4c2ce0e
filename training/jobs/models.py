"""Steps train_two_tower, train_als and train_item_models: the sources, each in the layout of a release, and under
``earlier`` as they were before they saw the rankers' labels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from contracts.release import HISTORY_LENGTH
from training.jobs.dataset import load, user_features
from training.jobs.outputs import EARLIER, EASE
from training.jobs.progress import progress
from training.jobs.run import Run
from training.models.fitted import Fitted
from training.rankers.labelling import before_labels
from training.rankers.past_requests import asked_for
from training.rankers.settings import ExampleSettings
from training.rankers.source_files import write_sources

TAIL = 50
"""Candidates a request beyond the best: the deep ranker orders all of them when it serves."""

EXAMPLES = ExampleSettings(history=HISTORY_LENGTH, tail=TAIL)
"""What the rankers learn from; how many requests depends on the budget."""

EASE_ITEMS = 5_000
"""The largest catalogue whose dense matrix is inverted every day for a baseline."""


def _export(name: str, model: Fitted, out: Path) -> None:
    model.export(out)
    (out / f"curves-{name}.json").write_text(json.dumps({k: list(v) for k, v in model.curves.items()}))


def model_version(run: Run) -> int:
    """The version under which TensorFlow Serving knows the run's models: that of its release."""
    return int(run.id[1:], 16)


def train_two_tower(run: Run, out: Path) -> Mapping[str, Any]:
    """The two-tower for ``budget_seconds``. Report: variant, vector_size, features, actions."""
    from training.models import two_tower

    data = load(run)
    fitted = two_tower.fit(
        data.train,
        data.items,
        seed=run.inputs.seed,
        budget_seconds=run.inputs.budget_seconds,
        progress=progress,
        user_features=user_features(run, data).keep(data.everything.times < data.cut),
        held_back=asked_for(data.train, EXAMPLES),
    )
    fitted.export(out, model_version(run))
    (out / "curves-two_tower.json").write_text(json.dumps(fitted.curves))
    if fitted.earlier is not None:
        fitted.earlier.export(out / EARLIER)
    return {
        "variant": fitted.variant,
        "vector_size": int(fitted.item_vectors.shape[1]),
        "features": list(fitted.feature_names),
        "actions": len(data.train),
    }


def train_als(run: Run, out: Path) -> Mapping[str, Any]:
    """ALS in Spark, both fits in one session. Report: actions."""
    from training.etl.session import spark_session
    from training.jobs.clean import spark_settings
    from training.models import als

    data = load(run)
    given: dict[str, Any] = {"seed": run.inputs.seed, "progress": progress}
    with spark_session("headwater-als", spark_settings(run.settings, out / "scratch")):
        _export("als", als.fit(data.train, data.items, **given), out)
        als.fit(before_labels(data.train, EXAMPLES), data.items, **given).export(out / EARLIER)
    return {"actions": len(data.train)}


def train_item_models(run: Run, out: Path) -> Mapping[str, Any]:
    """Item-kNN and the sequential linear model, popularity, trends and transitions; EASE to compare with.

    All are of the actions before the holdout: counts as of the end would leak it into what is evaluated. Report:
    actions, items, ease (whether it was fitted, or why not).
    """
    from training.models import ease, item_knn, sequential

    data = load(run)
    given: dict[str, Any] = {"seed": run.inputs.seed, "progress": progress}
    before = before_labels(data.train, EXAMPLES)
    earlier = {}
    for name, module in (("item_knn", item_knn), ("sequential", sequential)):
        _export(name, module.fit(data.train, data.items, **given), out)
        earlier[name] = module.fit(before, data.items, **given)
    write_sources(out, data.train, data.items, {})
    write_sources(out / EARLIER, before, data.items, earlier)
    small = len(data.items) <= EASE_ITEMS
    if small:
        np.save(out / EASE, ease.fit(data.train, data.items, **given).weights)
    reason = "fitted" if small else f"left out above {EASE_ITEMS:,} items"
    return {"actions": len(data.train), "items": len(data.items), "ease": reason}
