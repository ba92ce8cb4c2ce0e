"""Labels that are all alike: the first visitors of a new installation, or clicks that are lost."""

from pathlib import Path

import pandas as pd
import pytest

from feature_repo.daily_views import DAILY
from tests.training.jobs.finished import END, done, new_run
from training.jobs.outputs import ACTIONS, IMPRESSIONS
from training.jobs.run import Run
from training.jobs.steps import run_step
from training.validation.broken import BrokenDataError
from training.validation.suites import Limits

MANY = Limits().mixed_from


def with_training_set(home: Path, *labels: int) -> Run:
    run = new_run(home)
    folder = done(run, "training_set")
    counts = {feature.name: 0.0 for _, listed in DAILY.values() for feature in listed}
    row = {"user_id": "u", "item_id": "i", "timestamp": END, "label": 1, **counts}
    pd.DataFrame([row] * 3).to_parquet(folder / ACTIONS)
    pd.DataFrame([row | {"label": label} for label in labels]).to_parquet(folder / IMPRESSIONS)
    return run


@pytest.mark.parametrize("label", [0, 1])
def test_a_page_or_two_without_or_with_nothing_but_clicks_stop_no_run(label: int, tmp_path: Path) -> None:
    run = with_training_set(tmp_path, *[label] * 20)
    assert run_step(run.id, "validate_training_set", run.settings)["impressions"] == 20


def test_of_many_impressions_some_are_clicked_or_the_run_stops(tmp_path: Path) -> None:
    run = with_training_set(tmp_path, *[0] * MANY)
    with pytest.raises(BrokenDataError, match="label"):
        run_step(run.id, "validate_training_set", run.settings)


def test_many_impressions_of_which_one_is_clicked_are_learned_from(tmp_path: Path) -> None:
    run = with_training_set(tmp_path, 1, *[0] * MANY)
    assert run_step(run.id, "validate_training_set", run.settings)["impressions"] == MANY + 1
