"""The whole stack as settings make it."""

from pathlib import Path

import pytest

from contracts.settings import Settings
from stack.composition import TREE, compose, stack_environment

NAMES = [
    "redis",
    "postgres",
    "kafka",
    "mlflow",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "model-server",
    "gateway",
    "consumer",
]


def test_the_servers_and_their_order(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=23000)
    servers = [server for wave in compose(settings) for server in wave]
    assert [server.name for server in servers] == NAMES
    ports = [port for server in servers for port in server.ports]
    assert len(ports) == len(set(ports))
    assert all(23000 <= port < 23020 for port in ports)


def test_programs_get_all_settings_and_read_back_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path, port_base=23000, gate_strict=True, train_seconds=5)
    for name, value in stack_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_nothing_goes_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "internal.example")
    assert stack_environment(Settings(home=tmp_path))["NO_PROXY"] == "internal.example,127.0.0.1,localhost"


def test_the_airflow_configuration_in_force_is_that_of_the_tree(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=23000)
    servers = {server.name: server for wave in compose(settings) for server in wave}
    scheduler = servers["airflow-scheduler"].environment
    assert scheduler["AIRFLOW_CONFIG"] == str(TREE / "airflow.cfg")
    assert scheduler["HEADWATER_HOME"] == str(tmp_path)
    assert (
        scheduler["AIRFLOW__API_AUTH__JWT_SECRET"]
        == (servers["airflow-api-server"].environment["AIRFLOW__API_AUTH__JWT_SECRET"])
    )
    assert (tmp_path / "airflow" / "secrets.json").stat().st_mode & 0o077 == 0
