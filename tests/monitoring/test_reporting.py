"""What becomes of a report: MLflow keeps one run a date, the webhook hears of breaches, a training needs a switch."""

from pathlib import Path

import mlflow
import pytest

from contracts.drift import reports
from contracts.errors import NotFoundError, UnavailableError
from contracts.settings import Settings
from monitoring import jobs, weekly
from monitoring.tracking import DATE_TAG, EXPERIMENT
from tests.monitoring.test_alerts import receiver, report


def written(home: Path, *, breach: bool = True) -> Path:
    page = reports(home) / "2026-11-22.html"
    page.parent.mkdir(parents=True)
    page.write_text("<h1>Drift</h1>")
    page.with_suffix(".json").write_text(report(breach=breach).model_dump_json())
    return page


def test_a_date_is_one_run_in_mlflow_with_page_and_figures(tmp_path: Path, mlflow_url: str) -> None:
    settings, page = Settings(home=tmp_path, mlflow_url=mlflow_url), written(tmp_path)
    assert jobs.log(settings, page) == jobs.log(settings, page)
    client = mlflow.MlflowClient(tracking_uri=mlflow_url)
    (run,) = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert run.data.tags[DATE_TAG] == "2026-11-22"
    assert run.data.metrics["labels/click rate"] == 0.5
    assert run.data.metrics["breaches"] == 1
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {page.name, f"{page.stem}.json"}


def test_mlflow_that_is_down_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="MLflow"):
        jobs.log(Settings(home=tmp_path, mlflow_url="http://127.0.0.1:9"), written(tmp_path))


@pytest.mark.parametrize("breach", [True, False])
def test_only_a_breach_is_told(tmp_path: Path, breach: bool) -> None:
    page = written(tmp_path, breach=breach)
    with receiver() as (address, taken):
        moved = jobs.alert(Settings(home=tmp_path, alert_webhook=address), page, "page")
    assert moved == ["labels: click rate"] * breach
    assert len(taken) == breach


def test_a_page_without_figures_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="monitor_drift"):
        jobs.read(tmp_path / "2026-01-01.html")


@pytest.mark.parametrize(
    ("switch", "moved", "trains"), [("true", ["x"], True), ("true", [], False), ("false", ["x"], False)]
)
def test_a_training_needs_a_breach_and_the_switch(
    monkeypatch: pytest.MonkeyPatch, switch: str, moved: list[str], trains: bool
) -> None:
    monkeypatch.setenv("HEADWATER_DRIFT_RETRAIN", switch)
    assert weekly.retrains(moved) is trains
