"""Step train_rankers: learns to order what the sources find, from labels that the sources it is shown have not seen."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from training.jobs.assemble import linked
from training.jobs.dataset import FEATURES, DataSet, load, user_features
from training.jobs.models import EXAMPLES, model_version
from training.jobs.outputs import DEEP, EARLIER, FOREST, IMPRESSIONS, NO_RANKER
from training.jobs.progress import progress
from training.jobs.run import Run
from training.jobs.steps import MODELS
from training.rankers import lambdamart
from training.rankers.examples import Examples
from training.rankers.labelling import label_by
from training.rankers.pages import Pages

DEEP_SHARE = 1 / 3
"""Share of the two-tower's budget that the deep ranker has."""

REQUESTS_A_SECOND = 70
"""Past requests replayed for each second of the budget: some 5 ms each, so that they take a third of it."""

LATER, SHOWN = "later actions among candidates", "impressions"
"""What the labels are: of the sources' candidates, those that the user then chose; of what was shown, the clicks."""


def train_rankers(run: Run, out: Path) -> Mapping[str, Any]:
    """LambdaMART and the deep ranker on the same examples: the last actions of each user before the holdout, and the
    pages shown to them since the third-last one, seen through sources that have not seen these.

    The one with the higher NDCG@10 on the validating requests serves, before anybody looks at the holdout; without
    any, and on a tie, the forest, which needs no model server. Report: requests, candidates, pages, rankers (name →
    that NDCG@10 or None, empty where there was nothing to learn from), serves (its name), labels.
    """
    from training.jobs.exported import ExportedTower

    data = load(run)
    budget, before = float(run.inputs.budget_seconds), data.everything.times < data.cut
    with tempfile.TemporaryDirectory(prefix=".earlier-", dir=out) as folder:
        sources = Path(folder)
        for part in MODELS:
            if (run.output(part) / EARLIER).is_dir():
                linked(run.output(part) / EARLIER, sources)
        examples, blend = label_by(
            sources,
            ExportedTower.load(sources) if (sources / "models" / "user_tower").is_dir() else None,
            data.train,
            replace(EXAMPLES, groups=REQUESTS_A_SECOND * run.inputs.budget_seconds),
            run.inputs.seed,
            progress,
            user_features=user_features(run, data).keep(before),
            pages=shown_pages(run, data),
        )
    validated: dict[str, float] = {}
    if (~examples.validates).any():
        forest = lambdamart.fit(examples, blend=blend, seed=run.inputs.seed, budget_seconds=budget, progress=progress)
        forest.export(out)
        (out / "curves-lambdamart.json").write_text(json.dumps(forest.curves))
        validated = {
            FOREST: forest.validation,
            DEEP: _deep(run, examples, len(data.items), budget * DEEP_SHARE, out),
        }
    pages = int(_shown(examples).sum())
    return {
        "requests": len(examples.group) - pages,
        "candidates": len(examples.labels),
        "pages": pages,
        "rankers": {name: None if isnan(ndcg) else ndcg for name, ndcg in validated.items()},
        "serves": serving(validated),
        "labels": " and ".join([LATER, SHOWN] if pages else [LATER]),
    }


def serving(validated: Mapping[str, float]) -> str:
    """The ranker that serves, by the NDCG@10 of each."""
    if not validated:
        return NO_RANKER
    return DEEP if validated[DEEP] > validated[FOREST] else FOREST


def _deep(run: Run, examples: Examples, items: int, seconds: float, out: Path) -> float:
    from training.rankers import deep

    fitted = deep.fit(examples, items, seed=run.inputs.seed, budget_seconds=seconds, progress=progress)
    fitted.export(out, model_version(run))
    (out / "curves-deep.json").write_text(json.dumps(fitted.curves))
    return fitted.validation


def _shown(examples: Examples) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which requests are pages: their items have positions, bool[g]."""
    starts = np.cumsum(examples.group) - examples.group
    found: np.ndarray[Any, np.dtype[np.bool_]] = examples.positions[starts] > 0
    return found


def shown_pages(run: Run, data: DataSet) -> Pages | None:
    """The labelled impressions before the holdout, page by page; None where the data has none."""
    columns = ["request_id", "user_id", "item_id", "position", "timestamp", "label", *FEATURES]
    table = pq.read_table(run.output("training_set") / IMPRESSIONS, columns=columns)
    times = table["timestamp"].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
    row_of = {item_id: row for row, item_id in enumerate(data.items.item_ids)}
    rows = np.array([row_of.get(item_id, -1) for item_id in table["item_id"].to_pylist()], np.int32)
    positions = table["position"].to_numpy()
    requests = table["request_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    users = [data.train.user_index.get(user_id, -1) for user_id in table["user_id"].to_pylist()]
    kept = np.flatnonzero((times < data.cut) & (rows >= 0))
    if not len(kept):
        return None
    kept = kept[np.lexsort((positions[kept], requests[kept]))]
    first = np.flatnonzero(np.diff(requests[kept], prepend=-1))
    features = np.stack([table[name].to_numpy() for name in FEATURES], axis=1).astype(np.float32)
    return Pages(
        np.asarray(users, np.int64)[kept][first],
        times[kept][first],
        features[kept][first],
        np.append(first, len(kept)).astype(np.int64),
        rows[kept],
        positions[kept].astype(np.int32),
        table["label"].to_numpy()[kept].astype(np.int8),
    )
