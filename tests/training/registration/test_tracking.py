"""A release in a real MLflow: complete, once, and with the pointers as aliases."""

from pathlib import Path

import mlflow
import numpy as np
import pytest

from contracts.errors import UnavailableError
from contracts.release import CHALLENGER, CHAMPION
from releases.registry import MODEL, Registry
from releases.store import ReleaseStore
from tests.releases.releases import manifest, published
from training.evaluation.gate import GateRules, Holdout, gate
from training.registration.tracking import RunLog, register

A, B = "r00000000000a", "r00000000000b"
NOW = 1_767_355_200.0


def log() -> RunLog:
    generator = np.random.default_rng(1)
    holdout = Holdout(generator.random(300), champion=generator.random(300))
    return RunLog({"budget_seconds": 90}, {"loss": [(0, 2.0), (1, 1.5)]}, gate(holdout, GateRules(resamples=50)))


def test_a_run_holds_everything_a_retry_adds_nothing_and_aliases_follow_the_pointers(
    mlflow_url: str, tmp_path: Path
) -> None:
    store = ReleaseStore(tmp_path)
    measured = manifest(A).model_copy(update={"metrics": {"two_tower": {"recall@10": 0.25}}})
    first = register(mlflow_url, measured, published(store, A), log(), now=NOW)
    again = register(mlflow_url, measured, store.open(A), log(), now=NOW)
    assert first == again

    client = mlflow.MlflowClient(mlflow_url, mlflow_url)
    run = client.get_run(first.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["two_tower.recall_at_10"] == 0.25
    assert run.data.params["budget_seconds"] == "90"
    assert run.data.tags["mlflow.source.git.commit"] == "abc"
    assert [point.value for point in client.get_metric_history(first.run_id, "loss")] == [2.0, 1.5]
    names = {artefact.path for artefact in client.list_artifacts(first.run_id)}
    assert names == {"champion_and_challenger.png", "gate.json", "release"}

    refused = register(mlflow_url, manifest(B), published(store, B), log(), now=NOW, publish=False)
    assert refused.version is None
    with Registry(mlflow_url) as registry:
        assert registry.mirror({CHAMPION: A, CHALLENGER: None}) == []
        assert registry.aliases() == {CHAMPION: first.version}
        assert "no version in MLflow" in registry.mirror({CHAMPION: B, CHALLENGER: A})[0]
        assert registry.aliases() == {CHALLENGER: first.version}
        later = register(mlflow_url, manifest(B), store.open(B), log(), now=NOW)
        assert later.run_id == refused.run_id
        assert registry.mirror({CHAMPION: B, CHALLENGER: None}) == []
        assert registry.aliases() == {CHAMPION: later.version}
    versions = client.search_model_versions(f"name = '{MODEL}'")
    assert sorted(one.tags["release"] for one in versions if one.tags["release"] in (A, B)) == [A, B]


def test_a_cut_run_is_marked_failed_and_logged_anew(mlflow_url: str, tmp_path: Path) -> None:
    cut = "r0000000000cc"
    client = mlflow.MlflowClient(mlflow_url, mlflow_url)
    found = client.get_experiment_by_name("headwater")
    experiment = found.experiment_id if found else client.create_experiment("headwater")
    half = client.create_run(experiment, tags={"release": cut})
    made = register(mlflow_url, manifest(cut), published(ReleaseStore(tmp_path), cut), log(), now=NOW)
    assert made.run_id != half.info.run_id
    assert client.get_run(half.info.run_id).info.status == "FAILED"


def test_mlflow_down_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="MLflow is unavailable"):
        register("http://127.0.0.1:1", manifest(A), tmp_path, RunLog(), now=NOW)
