"""The whole stack as settings make it."""

from pathlib import Path

import pytest
import redis

from contracts.settings import Settings
from feature_repo.erased import digest, erased_until, forget
from serving.auth.clients import Clients
from serving.auth.scopes import EVENTS_WRITE, RECOMMENDATIONS_READ
from serving.erasure.ledger import Ledger
from stack.composition import TREE, compose, stack_environment
from stack.server import Server

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
    "storefront",
    "console",
]


def servers_of(settings: Settings) -> dict[str, Server]:
    return {server.name: server for wave in compose(settings) for server in wave}


def test_the_servers_and_their_order(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=23000)
    servers = [server for wave in compose(settings) for server in wave]
    assert [server.name for server in servers] == NAMES
    ports = [port for server in servers for port in server.ports]
    assert len(ports) == len(set(ports))
    assert all(23000 <= port < 23020 for port in ports)


def test_a_redis_that_comes_up_empty_is_told_who_was_erased(tmp_path: Path, redis_url: str) -> None:
    Ledger(tmp_path / "erasures").request("erased-before", 1000.0, online_keys=1)
    servers_of(Settings(home=tmp_path, port_base=23000, redis_url=redis_url))["redis"].finish()
    with redis.Redis.from_url(redis_url) as client:
        assert erased_until(client, ["erased-before"]) == {"erased-before": 1000.0}
        forget(client, {digest("erased-before"): 1000.0})


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
    servers = servers_of(settings)
    scheduler = servers["airflow-scheduler"].environment
    assert scheduler["AIRFLOW_CONFIG"] == str(TREE / "airflow.cfg")
    assert scheduler["HEADWATER_HOME"] == str(tmp_path)
    assert (
        scheduler["AIRFLOW__API_AUTH__JWT_SECRET"]
        == (servers["airflow-api-server"].environment["AIRFLOW__API_AUTH__JWT_SECRET"])
    )
    assert (tmp_path / "airflow" / "secrets.json").stat().st_mode & 0o077 == 0


def test_the_storefront_gets_a_client_of_the_embedded_issuer(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=23000)
    for _ in range(2):
        storefront = servers_of(settings)["storefront"]
        secret = storefront.environment["HEADWATER_STOREFRONT_CLIENT_SECRET"]
        client = Clients(tmp_path / "issuer" / "clients.json").authenticate("storefront", secret)
        assert client is not None
        assert client.scopes == (RECOMMENDATIONS_READ, EVENTS_WRITE)


def test_the_embedded_issuer_knows_a_secret_that_was_set(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=23000, storefront_client_secret="own")
    assert servers_of(settings)["storefront"].environment["HEADWATER_STOREFRONT_CLIENT_SECRET"] == "own"
    assert Clients(tmp_path / "issuer" / "clients.json").authenticate("storefront", "own") is not None


def test_an_outside_issuer_has_clients_of_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=23000, issuer="https://login.example", storefront_client_secret="own")
    storefront = servers_of(settings)["storefront"]
    assert storefront.environment["HEADWATER_STOREFRONT_CLIENT_SECRET"] == "own"
    assert not (tmp_path / "issuer").exists()
