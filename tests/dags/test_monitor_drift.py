"""The weekly DAG: the reviewer's checklist, its order, and that training is behind the switch."""

import runpy
from pathlib import Path
from typing import Any

import pytest

from monitoring.jobs import STEPS

DAGS = Path(__file__).parents[2] / "dags"


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        return runpy.run_path(str(DAGS / "monitor_drift.py"))["monitor_drift"]()


def test_it_has_owner_tags_docs_retries_and_limits(dag: Any) -> None:
    assert dag.tags
    assert dag.doc_md
    assert dag.max_active_runs == 1
    assert not dag.catchup
    for task in dag.tasks:
        assert task.owner == "recommendations"
        assert task.retries >= 1
        assert task.execution_timeout is not None
        assert task.doc_md, task.task_id


def test_every_step_comes_after_all_that_it_needs(dag: Any) -> None:
    for name, (_, needs) in STEPS.items():
        assert {*needs, "plan"} <= dag.get_task(name).get_flat_relative_ids(upstream=True)
        assert name in dag.get_task("measure").get_flat_relative_ids(upstream=True)
    assert {"measure", "log_report"} <= dag.get_task("alert").get_flat_relative_ids(upstream=True)


def test_a_training_is_triggered_only_behind_the_switch(dag: Any) -> None:
    train = dag.get_task("train")
    assert train.trigger_dag_id == "train_daily"
    assert train.upstream_task_ids == {"retrains"}
    assert dag.get_task("retrains").upstream_task_ids == {"alert"}
