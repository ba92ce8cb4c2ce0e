"""A drift report in MLflow: one run a date, however often it is logged."""

import contextlib
import re
import sys
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from contracts.drift import DriftReport
from contracts.errors import UnavailableError
from releases.registry import RELEASE_TAG
from training.registration.tracking import probe

EXPERIMENT = "headwater-drift"
DATE_TAG = "headwater.drift_date"


def log_report(mlflow_url: str, report: DriftReport, files: list[Path]) -> str:
    """Logs effects as metrics and ``files`` as artefacts. Returns the run's address for a browser. Raises
    UnavailableError when MLflow does not answer; then call it again."""
    probe(mlflow_url)
    client = mlflow.MlflowClient(tracking_uri=mlflow_url)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found = client.get_experiment_by_name(EXPERIMENT)
            experiment = str(found.experiment_id if found else client.create_experiment(EXPERIMENT))
            run = _run(client, experiment, report)
            milliseconds = int(report.measured_at.timestamp() * 1000)
            for figure in report.figures:
                name = re.sub(r"[^\w .:/-]", "_", f"{figure.section.value}/{figure.name}")
                client.log_metric(run, name, figure.effect, timestamp=milliseconds)
            client.log_metric(run, "breaches", len(report.breaches), timestamp=milliseconds)
            for file in files:
                client.log_artifact(run, str(file))
            client.set_terminated(run, end_time=milliseconds)
    except (MlflowException, OSError) as error:
        raise UnavailableError("MLflow", str(error).splitlines()[0]) from error
    return f"{mlflow_url}/#/experiments/{experiment}/runs/{run}"


def _run(client: mlflow.MlflowClient, experiment: str, report: DriftReport) -> str:
    known = client.search_runs([experiment], f"tags.`{DATE_TAG}` = '{report.date}'")
    if known:
        return str(known[0].info.run_id)
    made = client.create_run(
        experiment,
        int(report.measured_at.timestamp() * 1000),
        {DATE_TAG: report.date.isoformat(), RELEASE_TAG: report.champion},
        run_name=f"drift {report.date}",
    )
    return str(made.info.run_id)
