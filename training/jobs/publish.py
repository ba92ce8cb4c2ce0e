"""Step publish: the immutable directory with its manifest."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from contracts.clock import utc
from contracts.release import Manifest
from feature_repo.daily import feature_set
from feature_repo.daily_views import VERSIONS
from pipeline import mapped_items
from pipeline.ranking_columns import RANKING_FEATURES
from releases.store import ReleaseStore
from training.jobs.dataset import load
from training.jobs.outputs import ANCHOR, TRAINED_TO
from training.jobs.run import Run
from training.models import popular
from training.rankers.source_files import item_columns


def manifest(run: Run) -> Manifest:
    """Everything that made the release of a run whose step gate is done, and what it was measured at."""
    evaluated, tower = run.report("evaluate"), run.report("train_two_tower")
    features = {name: VERSIONS[name] for name in tower["features"]}
    champion = evaluated["champion"]
    anchor = evaluated["anchor"] or champion or run.id
    return Manifest(
        id=run.id,
        created_at=utc(run.settings.now()()),
        git_commit=run.inputs.git_commit,
        data_from=run.inputs.start,
        data_to=run.inputs.end,
        data_hash=run.inputs.data_hash,
        seed=run.inputs.seed,
        shifted_seconds=run.inputs.shifted_seconds,
        feature_set=feature_set(features),
        features=features,
        ranking_features=RANKING_FEATURES,
        vector_size=tower["vector_size"],
        items=run.report("train_item_models")["items"],
        ranker=evaluated["ranker"],
        labels=run.report("train_rankers")["labels"],
        ann=run.report("assemble")["ann"],
        metrics=evaluated["models"],
        intervals={
            f"{model}/{run.settings.gate_metric}": tuple(bounds) for model, bounds in evaluated["intervals"].items()
        },
        parent=champion,
        notes={ANCHOR: anchor, TRAINED_TO: utc(evaluated["cut"]).isoformat()},
    )


def publish(run: Run, out: Path) -> Mapping[str, Any]:
    """Publishes the assembled directory under the run's id. Weights are those that were evaluated; item counts,
    popularity and trends are brought to the end of the interval. Report: release, path."""
    store = ReleaseStore(run.settings.releases)
    staging = store.stage(run.id)
    shutil.copytree(run.output("assemble") / "release", staging, dirs_exist_ok=True)
    data = load(run)
    (staging / "items.parquet").unlink()
    pq.write_table(item_columns(data.everything, data.items), staging / "items.parquet")
    popular.fit(data.everything, data.items).export(staging)
    mapped_items.save(staging)
    path = store.publish(staging, manifest(run))
    (out / "release.txt").write_text(run.id)
    return {"release": run.id, "path": str(path)}
