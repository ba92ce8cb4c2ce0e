"""Steps validate_lake and validate_training_set: a broken day stops the run before training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from contracts.events import Action
from feature_repo.daily_views import DAILY
from training.jobs.dataset import actions_in_order
from training.jobs.outputs import ACTIONS, IMPRESSIONS
from training.jobs.run import Run
from training.validation.checkpoint import validate
from training.validation.facts import lake_facts
from training.validation.suites import Limits, interactions, training_rows
from training.validation.suites import lake_facts as facts_suite


def _limits(run: Run) -> Limits:
    return Limits(min_rows=run.settings.train_min_rows, max_user_share=run.settings.train_max_user_share)


def docs_path(run: Run) -> Path:
    """Where Data Docs are rendered: one site, with the history of all runs."""
    return run.settings.home / "data_docs"


def validate_lake(run: Run, out: Path) -> Mapping[str, Any]:
    """Judges the cleaned slice. Report: docs (address of the Data Docs) and the facts. Raises BrokenDataError."""
    kept = actions_in_order(run)
    facts = lake_facts(kept, run.report("clean")["dropped"], run.inputs.end)
    facts.to_json(out / "facts.json", orient="records")
    validate("lake slice", facts, facts_suite(_limits(run)), docs_path(run))
    suite = interactions([action.value for action in Action], run.inputs.start, run.inputs.end)
    docs = validate("interactions", kept.to_pandas(), suite, docs_path(run))
    return {"docs": docs, **facts.iloc[0].to_dict()}


def validate_training_set(run: Run, out: Path) -> Mapping[str, Any]:
    """Judges the training set. Without impressions there are no labels to judge. Report: docs, rows."""
    features = [feature.name for _, listed in DAILY.values() for feature in listed]
    folder = run.output("training_set")
    limits = _limits(run)
    actions = pq.read_table(folder / ACTIONS)
    suite = training_rows(features, limits, both_labels=False)
    docs = validate("training set, actions", actions.to_pandas(), suite, docs_path(run))
    shown = pq.read_table(folder / IMPRESSIONS)
    if len(shown):
        suite = training_rows(features, limits, both_labels=len(shown) >= limits.mixed_from)
        docs = validate("training set, impressions", shown.to_pandas(), suite, docs_path(run))
    (out / "docs.txt").write_text(docs)
    return {"docs": docs, "actions": len(actions), "impressions": len(shown)}
