"""A release in MLflow: its run, its model version, and nothing twice."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from contracts.errors import UnavailableError
from contracts.release import Manifest
from releases.files import MANIFEST
from releases.registry import MODEL, RELEASE_TAG
from training.evaluation.gate import GateResult
from training.registration.comparison import plot

EXPERIMENT = "headwater"

_STATE_TAG = "headwater.logged"
_ARTEFACT = "release"
_PROBE_SECONDS = 5.0
_METRICS_AT_ONCE = 500
_PARAM_LENGTH = 500


@dataclass(frozen=True)
class RunLog:
    """What a run shows beside its manifest. ``curves`` is name → (step, value) pairs, as training went."""

    parameters: Mapping[str, str | float | int] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    gate: GateResult | None = None


@dataclass(frozen=True)
class Registered:
    """The run and the version of the model ``headwater``; ``version`` is None where only the run was logged."""

    run_id: str
    version: str | None


def metric_name(name: str) -> str:
    """``name`` as MLflow takes it: no '@' (recall@10 → recall_at_10)."""
    return name.replace("@", "_at_")


def register(
    mlflow_url: str, manifest: Manifest, release_dir: Path, log: RunLog, *, now: float, publish: bool = True
) -> Registered:
    """Logs the run (parameters, metrics, curves, gate, plot, data interval, commit) and, where ``publish``, makes the
    model version that holds the release's manifest and SavedModels. A refused candidate is logged without a version.

    A second call for the same release finds what is there and completes what is missing; a run that was cut is
    marked failed and logged anew. ``now`` is the clock's time, epoch seconds. Raises UnavailableError when MLflow
    does not answer; then call it again.
    """
    probe(mlflow_url)
    client = mlflow.MlflowClient(tracking_uri=mlflow_url, registry_uri=mlflow_url)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # MLflow prints links to stdout, which carries answers only
            run_id = _logged_run(client, manifest.id) or _log_run(client, manifest, release_dir, log, now)
            return Registered(run_id, _version(client, manifest.id, run_id) if publish else None)
    except (MlflowException, OSError) as error:
        raise UnavailableError("MLflow", f"{str(error).splitlines()[0]}; the retry completes what is there") from error


def probe(mlflow_url: str) -> None:
    """Raises UnavailableError at once where MLflow does not answer; its own client would try for minutes."""
    try:
        httpx.get(f"{mlflow_url}/health", timeout=_PROBE_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise UnavailableError("MLflow", f"{reason}; is it up (headwater status)?") from error


def _experiment(client: mlflow.MlflowClient) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    return str(found.experiment_id if found else client.create_experiment(EXPERIMENT))


def _logged_run(client: mlflow.MlflowClient, release_id: str) -> str | None:
    query = f"tags.{RELEASE_TAG} = '{release_id}'"
    complete = None
    for run in client.search_runs([_experiment(client)], query):
        if run.data.tags.get(_STATE_TAG) == "complete":
            complete = str(run.info.run_id)
        elif run.info.status == "RUNNING":
            client.set_terminated(run.info.run_id, status="FAILED")
    return complete


def _log_run(client: mlflow.MlflowClient, manifest: Manifest, release_dir: Path, log: RunLog, now: float) -> str:
    tags = {
        RELEASE_TAG: manifest.id,
        "mlflow.source.git.commit": manifest.git_commit,
        "data_from": manifest.data_from.isoformat(),
        "data_to": manifest.data_to.isoformat(),
        "gate": "none" if log.gate is None else "passed" if log.gate.passed else "refused",
    }
    milliseconds = int(now * 1000)
    run = client.create_run(_experiment(client), milliseconds, tags, run_name=manifest.id)
    run_id = str(run.info.run_id)
    parameters = {
        "seed": manifest.seed,
        "data_hash": manifest.data_hash,
        "data_from": tags["data_from"],
        "data_to": tags["data_to"],
        "feature_set": manifest.feature_set,
        "ranker": manifest.ranker,
        "labels": manifest.labels,
        "items": manifest.items,
        "vector_size": manifest.vector_size,
        **{f"ann.{name}": value for name, value in manifest.ann.items()},
        **log.parameters,
    }
    metrics = [
        Metric(metric_name(f"{model}.{name}"), float(value), milliseconds, 0)
        for model, values in manifest.metrics.items()
        for name, value in values.items()
    ]
    metrics += [
        Metric(metric_name(name), float(value), milliseconds, step)
        for name, curve in log.curves.items()
        for step, value in curve
    ]
    client.log_batch(run_id, params=[Param(name, str(value)[:_PARAM_LENGTH]) for name, value in parameters.items()])
    for start in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])
    _log_artefacts(client, run_id, release_dir, log.gate)
    client.log_batch(run_id, tags=[RunTag(_STATE_TAG, "complete")])
    client.set_terminated(run_id, status="FINISHED", end_time=milliseconds)
    return run_id


def _log_artefacts(client: mlflow.MlflowClient, run_id: str, release_dir: Path, gate: GateResult | None) -> None:
    if (release_dir / MANIFEST).is_file():
        client.log_artifact(run_id, str(release_dir / MANIFEST), _ARTEFACT)
    if (release_dir / "models").is_dir():
        client.log_artifacts(run_id, str(release_dir / "models"), f"{_ARTEFACT}/models")
    if gate is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        reasons, picture = Path(folder) / "gate.json", Path(folder) / "champion_and_challenger.png"
        reasons.write_text(json.dumps(gate.as_json(), indent=1))
        plot(gate, picture)
        client.log_artifact(run_id, os.fspath(reasons))
        client.log_artifact(run_id, os.fspath(picture))


def _version(client: mlflow.MlflowClient, release_id: str, run_id: str) -> str:
    found = client.search_model_versions(f"name = '{MODEL}' and tags.{RELEASE_TAG} = '{release_id}'")
    if found:
        return str(max(int(one.version) for one in found))
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL, description="Releases of Headwater, one version each")
    made = client.create_model_version(
        MODEL, f"runs:/{run_id}/{_ARTEFACT}", run_id, tags={RELEASE_TAG: release_id}, description=release_id
    )
    return str(made.version)
