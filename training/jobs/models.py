"""Steps train_two_tower, train_als and train_item_models: candidate models, each in the layout of a release."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.datasets.sequences import Sequences
from training.jobs.dataset import load, user_features
from training.jobs.progress import progress
from training.jobs.run import Run
from training.models.fitted import Fitted


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
    )
    fitted.export(out, model_version(run))
    (out / "curves-two_tower.json").write_text(json.dumps(fitted.curves))
    return {
        "variant": fitted.variant,
        "vector_size": int(fitted.item_vectors.shape[1]),
        "features": list(fitted.feature_names),
        "actions": len(data.train),
    }


def train_als(run: Run, out: Path) -> Mapping[str, Any]:
    """ALS in Spark. Report: actions."""
    from training.models import als

    data = load(run)
    settings = als.AlsSettings(master=run.settings.spark_master, memory=run.settings.spark_memory)
    model = als.fit(data.train, data.items, settings=settings, seed=run.inputs.seed, progress=progress)
    _export("als", model, out)
    return {"actions": len(data.train)}


def train_item_models(run: Run, out: Path) -> Mapping[str, Any]:
    """Item-kNN, the sequential linear model, EASE (a baseline, nothing is exported) and popularity."""
    from training.models import item_knn, sequential

    data = load(run)
    for name, module in (("item_knn", item_knn), ("sequential", sequential)):
        _export(name, module.fit(data.train, data.items, seed=run.inputs.seed, progress=progress), out)
    _export_counts(data.train, data, out)
    return {"actions": len(data.train), "items": len(data.items)}


def _export_counts(train: Sequences, data: Any, out: Path) -> None:
    """``items.parquet``, popularity, trends and transitions as of the end of the interval would leak the holdout into
    what is evaluated: they are those of the training part, like every other weight that ships."""
    from training.rankers.source_files import write_sources

    write_sources(out, train, data.items, {})
