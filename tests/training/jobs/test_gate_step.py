"""A model trained on shuffled labels is refused with numbers, a better one ships, and no release is judged by answers
that it has seen."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.training.jobs.finished import END, done, new_run
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.evaluation.metrics import Ragged, evaluate
from training.jobs.outputs import USERS, VERDICT
from training.jobs.run import Run
from training.jobs.steps import run_step
from training.models import item_knn, popular
from training.models.fitted import Fitted, Scores

ITEMS, LENGTH, PEOPLE = 100, 8, 300
CUT = END.timestamp()
Values = npt.NDArray[np.float64]


def _walks() -> Sequences:
    """Users who go from item i to i + 1."""
    start = np.random.default_rng(3).integers(0, ITEMS, (PEOPLE, 1))
    rows = (start + np.arange(LENGTH)) % ITEMS
    return Sequences(
        [f"u{u}" for u in range(PEOPLE)],
        [f"i{i}" for i in range(ITEMS)],
        np.arange(PEOPLE + 1, dtype=np.int64) * LENGTH,
        rows.astype(np.int32).ravel(),
        np.full(PEOPLE * LENGTH, 2, np.int8),
        np.tile(np.arange(LENGTH, dtype=np.float64), PEOPLE),
        None,
        True,
    )


def _block(scores: Scores, start: int, stop: int) -> Scores:
    return scores[start:stop]


@pytest.fixture(scope="module")
def measured() -> dict[str, Values]:
    """NDCG@10 of every user for models trained on the walks, and for one trained on shuffled items."""
    walks = _walks()
    train, items = walks.before_last(1), ItemTable.bare(walks.item_ids)
    shuffled = replace(train, rows=np.random.default_rng(1).permutation(train.rows))
    models: dict[str, Fitted] = {
        "item_knn": item_knn.fit(train, items),
        "popular": popular.fit(train, items),
        "shuffled": item_knn.fit(shuffled, items),
    }
    histories = [train.history(u) for u in range(PEOPLE)]
    seen = Ragged.of([history.rows for history in histories])
    targets = Ragged.of([[int(row)] for row in walks.rows[LENGTH - 1 :: LENGTH]])
    now = np.full(PEOPLE, float(LENGTH))
    values = {}
    for name, model in models.items():
        scores = model.scores(histories, now)
        values[name] = evaluate(partial(_block, scores), seen, targets, ITEMS, (10,)).values["ndcg@10"]
    return values


def _evaluated(home: Path, values: Mapping[str, Values], trained_to: Mapping[str, float]) -> Run:
    run = new_run(home)
    report = {"candidate": "ranked", "cut": CUT, "trained_to": dict(trained_to)}
    folder = done(run, "evaluate", report)
    held: dict[str, Any] = {f"{model}/ndcg@10": one for model, one in values.items()}
    np.savez(folder / USERS, **held)
    return run


def test_shuffled_labels_are_refused_with_their_numbers(measured: dict[str, Values], tmp_path: Path) -> None:
    champion = measured["item_knn"]
    values = {"ranked": measured["shuffled"], "champion": champion, "popular": measured["popular"]}
    run = _evaluated(tmp_path, values, {"champion": CUT - 1})
    report = run_step(run.id, "gate", run.settings)
    assert report["passed"] is False
    assert "that of champion is -0." in report["reasons"][0]
    verdict = json.loads((run.output("gate") / VERDICT).read_text())
    assert verdict["checks"][0]["upper"] < verdict["checks"][0]["bound"]


def test_a_better_model_ships(measured: dict[str, Values], tmp_path: Path) -> None:
    values = {"ranked": measured["item_knn"], "champion": measured["shuffled"], "popular": measured["popular"]}
    run = _evaluated(tmp_path, values, {"champion": CUT})
    assert run_step(run.id, "gate", run.settings)["passed"] is True


def test_a_first_release_that_does_not_beat_popularity_and_item_knn_is_refused(
    measured: dict[str, Values], tmp_path: Path
) -> None:
    values = {"ranked": measured["shuffled"], "popular": measured["popular"], "item_knn": measured["item_knn"]}
    run = _evaluated(tmp_path, values, {})
    reasons = run_step(run.id, "gate", run.settings)["reasons"]
    assert any("item_knn" in reason for reason in reasons)


@pytest.mark.parametrize("name", ["champion", "anchor"])
def test_a_reference_that_has_seen_the_holdout_is_no_reference(
    name: str, measured: dict[str, Values], tmp_path: Path
) -> None:
    values = {"ranked": measured["item_knn"], "champion": measured["shuffled"], "anchor": measured["shuffled"]}
    run = _evaluated(tmp_path, values, {"champion": CUT, "anchor": CUT} | {name: CUT + 86400})
    report = run_step(run.id, "gate", run.settings)
    assert report["passed"] is False
    assert report["reasons"] == [
        f"the holdout begins at 2026-03-11 00:00, but the {name} learned from data up to 2026-03-12 00:00: "
        "they can be compared only on what came after"
    ]


def test_a_holdout_without_users_is_refused(tmp_path: Path) -> None:
    run = _evaluated(tmp_path, {}, {})
    assert run_step(run.id, "gate", run.settings)["reasons"] == ["the holdout has 0 users, the gate needs 30"]
