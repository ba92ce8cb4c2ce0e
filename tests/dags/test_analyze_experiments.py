"""The order of the daily look: nothing is concluded before the day is in the lake."""

import runpy
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parents[2] / "dags" / "analyze_experiments.py"


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        return runpy.run_path(str(FILE))["analyze_experiments"]()


def test_it_has_owner_tags_docs_retries_and_looks_at_one_day_at_a_time(dag: Any) -> None:
    assert dag.tags
    assert dag.doc_md
    assert dag.max_active_runs == 1
    assert not dag.catchup
    assert all(task.owner == "experimentation" and task.retries >= 1 for task in dag.tasks)


def test_the_day_is_brought_in_and_the_challenger_replayed_before_an_experiment_opens_and_is_decided(dag: Any) -> None:
    order = ["ingest", "replay", "running", "analyse", "carry_out", "grow"]
    assert {task.task_id for task in dag.tasks} == set(order)
    for place, name in enumerate(order):
        assert dag.get_task(name).get_flat_relative_ids(upstream=True) >= set(order[:place])
