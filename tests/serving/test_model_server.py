"""TensorFlow Serving's protocol, as its stock client speaks it.

HEADWATER_TEST_MODEL_SERVER=host:port points the tests that need no directory of ours at another server, which serves
version 1 of the same models."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import text_format  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pipeline.ranking_columns import RANKING_FEATURES
from releases.tensors import read_tensor, write_tensor
from serving import protos
from tests.serving.conftest import free_port
from tests.serving.running import model_server, wait_until

AVAILABLE = 30


class Client:
    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address)
        self.prediction = protos.prediction_service.PredictionServiceStub(self.channel)
        self.models = protos.model_service.ModelServiceStub(self.channel)

    def request(self, items: int = 5, **spec: Any) -> Any:
        request = protos.predict.PredictRequest()
        request.model_spec.name = spec.get("name", "ranker")
        if "version" in spec:
            request.model_spec.version.value = spec["version"]
        if "label" in spec:
            request.model_spec.version_label = spec["label"]
        inputs = {
            "history": np.array([[1, 2, 3]], np.int32),
            "history_actions": np.ones((1, 3), np.int32),
            "history_ages": np.ones((1, 3), np.float32),
            "items": np.arange(1, items + 1, dtype=np.int32),
            "dynamic": np.zeros((items, len(RANKING_FEATURES)), np.float32),
        }
        for name, array in inputs.items():
            write_tensor(array, request.inputs[name])
        return request

    def predict(self, **spec: Any) -> Any:
        return self.prediction.Predict(self.request(**spec), timeout=10)

    def status(self, name: str, version: int | None = None) -> dict[int, int]:
        request = protos.model_status.GetModelStatusRequest()
        request.model_spec.name = name
        if version is not None:
            request.model_spec.version.value = version
        answer = self.models.GetModelStatus(request, timeout=5)
        return {one.version: one.state for one in answer.model_version_status}

    def reload(self, text: str) -> Any:
        request = protos.model_management.ReloadConfigRequest()
        text_format.Parse(text, request.config)
        return self.models.HandleReloadConfigRequest(request, timeout=60).status


@pytest.fixture(scope="module")
def own_home(built_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("model-server")
    for name in ("user_tower", "ranker"):
        shutil.copytree(built_models / name / "1", home / "models" / name / "1")
    return home


@pytest.fixture(scope="module")
def own(own_home: Path) -> Iterator[Client]:
    with model_server(own_home, free_port()) as address:
        yield Client(address)


@pytest.fixture
def client(own: Client) -> Client:
    elsewhere = os.environ.get("HEADWATER_TEST_MODEL_SERVER")
    return Client(elsewhere) if elsewhere else own


def _code(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code()


def test_predict_scores_every_item(client: Client, built_models: Path) -> None:
    response = client.predict(items=7)
    vectors = np.load(built_models / "vectors.npy")
    np.testing.assert_allclose(read_tensor(response.outputs["scores"]), vectors[:7] @ vectors[:3].sum(0), rtol=1e-4)
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"


def test_unknown_things_are_not_found(client: Client) -> None:
    assert _code(lambda: client.predict(name="nothing")) is grpc.StatusCode.NOT_FOUND
    assert _code(lambda: client.predict(version=99)) is grpc.StatusCode.NOT_FOUND
    assert _code(lambda: client.status("nothing")) is grpc.StatusCode.NOT_FOUND
    assert _code(lambda: client.status("ranker", 99)) is grpc.StatusCode.NOT_FOUND


def test_requests_that_do_not_fit_are_invalid(client: Client) -> None:
    missing, wrong_type, wrong_signature, wrong_output, wrong_size = (client.request() for _ in range(5))
    del missing.inputs["items"]
    wrong_type.inputs["items"].Clear()
    write_tensor(np.arange(5, dtype=np.float32), wrong_type.inputs["items"])
    wrong_signature.model_spec.signature_name = "other"
    wrong_output.output_filter.append("other")
    wrong_size.inputs["dynamic"].Clear()
    write_tensor(np.zeros((5, 1), np.float32), wrong_size.inputs["dynamic"])
    for request in (missing, wrong_type, wrong_output, wrong_size, wrong_signature):
        code = _code(lambda request=request: client.prediction.Predict(request, timeout=5))
        assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)


def test_metadata_names_inputs_and_outputs(client: Client) -> None:
    request = protos.model_metadata.GetModelMetadataRequest()
    request.model_spec.name = "ranker"
    request.metadata_field.append("signature_def")
    answer = client.prediction.GetModelMetadata(request, timeout=5)
    signatures = protos.model_metadata.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    definition = signatures.signature_def["serving_default"]
    assert set(definition.inputs) == {"history", "history_actions", "history_ages", "items", "dynamic"}
    assert set(definition.outputs) == {"scores"}


def test_status_and_health(client: Client) -> None:
    assert client.status("ranker")[1] == AVAILABLE
    health = health_pb2_grpc.HealthStub(client.channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def _config(home: Path, policy: str = "all {}", labels: str = "") -> str:
    return (
        f'model_config_list {{ config {{ name: "ranker" base_path: "{home / "models" / "ranker"}" '
        f'model_platform: "tensorflow" model_version_policy {{ {policy} }} {labels} }} }}'
    )


def test_reload_replaces_the_list_labels_versions_and_waits_for_loading(own: Client, own_home: Path) -> None:
    shutil.copytree(own_home / "models" / "ranker" / "1", own_home / "models" / "ranker" / "2")
    label = 'version_labels { key: "champion" value: 2 }'
    assert own.reload(_config(own_home, "specific { versions: 1 versions: 2 }", label)).error_code == 0
    assert own.predict(label="champion").model_spec.version.value == 2
    assert own.predict(version=1).model_spec.version.value == 1
    assert _code(lambda: own.predict(label="challenger")) is grpc.StatusCode.NOT_FOUND
    assert _code(lambda: own.status("user_tower")) is grpc.StatusCode.NOT_FOUND
    unloaded = 'version_labels { key: "champion" value: 77 }'
    assert own.reload(_config(own_home, "all {}", unloaded)).error_code == 9
    assert own.predict(label="champion").model_spec.version.value == 2
    assert own.reload('model_config_list { config { name: "x" } }').error_code == 3
    assert own.reload(_config(own_home, "latest { num_versions: 1 }")).error_code == 0
    assert set(own.status("ranker")) == {2}


def test_versions_come_and_go_under_load_without_a_failed_call(own: Client, own_home: Path) -> None:
    assert own.reload(_config(own_home)).error_code == 0
    failures: list[str] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            try:
                own.predict()
            except grpc.RpcError as error:
                failures.append(str(error))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    models = own_home / "models" / "ranker"
    for version in (3, 4):
        shutil.copytree(models / "1", models / f".{version}")
        (models / f".{version}").rename(models / str(version))
        wait_until(lambda version=version: own.status("ranker").get(version) == AVAILABLE, 60)
        (models / str(version - 1)).rename(models / f".gone-{version}")
        wait_until(lambda version=version: version - 1 not in own.status("ranker"), 60)
    time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_damaged_version_is_refused_and_the_others_go_on(own: Client, own_home: Path) -> None:
    broken = own_home / "models" / "ranker" / "9"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"not a model")
    wait_until(lambda: own.status("ranker").get(9) == 50)
    assert own.predict().model_spec.version.value != 9
