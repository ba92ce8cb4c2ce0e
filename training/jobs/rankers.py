"""Step train_rankers: learns to order what the sources find, from labels that the sources it is shown have not seen."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.jobs.dataset import load
from training.jobs.models import progress
from training.jobs.run import Run
from training.rankers import lambdamart
from training.rankers.ranked import TOWER_SHARE, label
from training.rankers.settings import ExampleSettings

SOURCES = ("two_tower", "als", "item_knn", "sequential")


def train_rankers(run: Run, out: Path) -> Mapping[str, Any]:
    """LambdaMART on the last actions of each user before the holdout, the sources refitted without them.

    Report: requests, candidates, ranker (``lambdamart``, or ``none`` where there was nothing to learn from).
    """
    data = load(run)
    budget = float(run.inputs.budget_seconds)
    names: Mapping[str, Any] = dict.fromkeys(SOURCES)
    examples, blend = label(
        data.train, data.items, names, ExampleSettings(), run.inputs.seed, budget * TOWER_SHARE, progress
    )
    trained = bool((~examples.validates).any())
    if trained:
        forest = lambdamart.fit(examples, blend=blend, seed=run.inputs.seed, budget_seconds=budget, progress=progress)
        forest.export(out)
        (out / "curves-lambdamart.json").write_text(json.dumps(forest.curves))
    return {
        "requests": len(examples.group),
        "candidates": len(examples.labels),
        "ranker": "lambdamart" if trained else "none",
    }
