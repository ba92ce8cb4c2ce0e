"""A version that could not be loaded is tried again, and never takes the others or the thread that looks with it."""

import logging
import time
from collections import Counter
from pathlib import Path

import pytest

from serving.model_server import server as server_module
from serving.model_server.config import ModelConfig
from serving.model_server.saved_model import LoadedModel, ModelFaultError, tf
from serving.model_server.server import ModelServer
from serving.model_server.versions import LOAD_RETRIES, ServedModels, State
from tests.serving.running import wait_until


class Model:
    """Warms up once its folder is whole."""

    closed = 0

    def __init__(self, path: Path) -> None:
        self.path = path

    def warm_up(self) -> None:
        if not (self.path / "whole").exists():
            raise ModelFaultError("FailedPreconditionError: a table is not initialised")

    def close(self) -> None:
        Model.closed += 1


class Loading:
    """Counts the tries of each version; version 2 fails with what no one expects."""

    def __init__(self) -> None:
        self.tries: Counter[str] = Counter()

    def __call__(self, path: Path) -> Model:
        self.tries[path.name] += 1
        if path.name == "2":
            raise KeyError("serve")
        return Model(path)


def versions_of(base: Path, *numbers: int) -> ModelConfig:
    for number in numbers:
        (base / str(number)).mkdir(parents=True)
        (base / str(number) / "saved_model.pb").touch()
    return ModelConfig("ranker", base, latest=None)


def test_a_version_looked_at_half_copied_is_served_once_it_is_whole(tmp_path: Path) -> None:
    loading = Loading()
    models = ServedModels(loading, retry_seconds=0.01)
    config = versions_of(tmp_path, 1, 2, 3)
    (tmp_path / "3" / "whole").touch()
    closed = Model.closed
    models.configure([config])
    states = models.states("ranker")
    assert {number: state for number, (state, _) in states.items()} == {3: State.AVAILABLE, 2: State.END, 1: State.END}
    assert "a table is not initialised" in states[1][1]
    assert Model.closed == closed + 1
    (tmp_path / "1" / "whole").touch()
    time.sleep(0.02)
    models.poll()
    assert models.states("ranker")[1] == (State.AVAILABLE, "")
    with models.borrow("ranker", 1) as (number, _):
        assert number == 1
    models.close()


def test_a_damaged_version_is_tried_a_few_times_ever_more_seldom(tmp_path: Path) -> None:
    loading = Loading()
    models = ServedModels(loading, retry_seconds=0.01)
    models.configure([versions_of(tmp_path, 2)])
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        models.poll()
        time.sleep(0.005)
    assert loading.tries["2"] == 1 + LOAD_RETRIES
    assert models.states("ranker")[2][0] is State.END


def test_what_tensorflow_throws_when_a_model_runs_is_a_fault_of_the_model(
    built_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "no memory")

    model = LoadedModel(built_models / "user_tower" / "1")
    monkeypatch.setattr(model, "_callable", lambda *_: exhausted)
    with pytest.raises(ModelFaultError, match=r"ResourceExhaustedError: .*no memory"):
        model.warm_up()
    model.close()


def test_the_thread_that_looks_for_versions_outlives_any_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = tmp_path / "models.config"
    config.write_text("model_config_list {}")
    looks: list[float] = []

    def poll() -> None:
        looks.append(time.monotonic())
        if len(looks) == 1:
            raise LookupError("nobody foresaw it")

    one = ModelServer(config, "127.0.0.1:0", poll_seconds=0.02)
    monkeypatch.setattr(one._models, "poll", poll)
    with caplog.at_level(logging.ERROR, server_module.__name__):
        one.start()
        try:
            wait_until(lambda: len(looks) > 2)
        finally:
            one.stop(0.1)
    assert "a look at the models failed" in caplog.text
