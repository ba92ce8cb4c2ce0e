"""The reviewer's checklist of a DAG, and that its edges say what the steps need."""

import ast
import runpy
from pathlib import Path
from typing import Any

import pytest
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

from training.jobs.steps import SHIPPING, STEPS

DAGS = Path(__file__).parents[2] / "dags"
FILES = sorted(path for path in DAGS.glob("*.py") if path.name != "__init__.py")
EVER = TimeRestriction(None, None, catchup=False)
ALLOWED = {"__future__", "airflow", "datetime", "logging", "pendulum", "typing", "collections", "os", "pathlib"}


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        return runpy.run_path(str(DAGS / "train_daily.py"))["train_daily"]()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_parsing_a_dag_file_imports_nothing_but_airflow_and_the_standard_library(path: Path) -> None:
    tree = ast.parse(path.read_text())
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= ALLOWED


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


def test_every_step_is_a_task_and_comes_after_all_that_it_needs(dag: Any) -> None:
    assert {task.task_id for task in dag.tasks} == {step.name for step in STEPS} | {"plan"}
    for step in STEPS:
        before = dag.get_task(step.name).get_flat_relative_ids(upstream=True)
        assert {*step.needs, "plan"} <= before


def test_the_pointer_moves_last_and_only_behind_the_gate(dag: Any) -> None:
    assert not dag.get_task("promote").downstream_task_ids
    assert dag.get_task("gate").downstream_task_ids == {"publish", "refused"}
    for name in SHIPPING:
        assert "gate" in dag.get_task(name).get_flat_relative_ids(upstream=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_the_training_waits_for_somebody_to_start_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    one = runpy.run_path(str(path))[path.stem]()
    assert one.is_paused_upon_creation is (None if path.stem == "train_daily" else False)
    assert type(one.timetable).__name__ == "CronTriggerTimetable", "nothing runs at the moment that it is installed"
    assert one.start_date is None
    planned = one.timetable
    scheduled = CronTriggerTimetable(
        planned.expression, timezone="UTC", interval=planned.interval, run_immediately=planned.run_immediately
    )
    tick = scheduled.next_dagrun_info(last_automated_data_interval=None, restriction=EVER).run_after
    shortly_after = tick.add(seconds=5)
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: shortly_after)
    first = scheduled.next_dagrun_info(last_automated_data_interval=None, restriction=EVER)
    assert first.run_after > shortly_after, "a run that was due before the DAG was known is not made up for"
