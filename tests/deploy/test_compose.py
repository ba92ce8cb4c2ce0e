"""What can be proven of docker-compose.yaml without an engine: it agrees with the code and with itself."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
ONE_SHOT = {"airflow-migrate"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_headwater_variable_is_a_setting(name: str) -> None:
    known = {f"HEADWATER_{field.upper()}" for field in Settings.model_fields}
    environment = SERVICES[name].get("environment") or {}
    assert {key for key in environment if key.startswith("HEADWATER_")} <= known


def test_headwater_secrets_are_settings_by_name() -> None:
    known = {f"HEADWATER_{field.upper()}" for field in Settings.model_fields}
    assert {name for name in COMPOSE["secrets"] if name.isupper()} <= known


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_limited_restarted_and_checked(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":[^:]*\d", service["image"]), "the image names a version"
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert service["restart"] in {"unless-stopped", "on-failure"}
    assert name in ONE_SHOT or service.get("healthcheck") or name == "airflow-worker"


@pytest.mark.parametrize("name", SERVICES)
def test_references_lead_somewhere(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("depends_on", {})) <= SERVICES.keys()
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / source).exists()


def test_secrets_stay_out_of_the_environment() -> None:
    for service in SERVICES.values():
        for key, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|TOKEN", key):
                assert "/run/secrets/" in str(value), key


@pytest.mark.parametrize("name", SERVICES)
def test_every_module_that_is_run_exists(name: str) -> None:
    command = SERVICES[name].get("command", [])
    if command[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(command[2]) is not None


def test_addresses_between_services_use_ports_they_listen_on() -> None:
    gateway = SERVICES["gateway"]["environment"]
    assert SERVICES["gateway"]["ports"] == [f"127.0.0.1:8080:{gateway['HEADWATER_GATEWAY_PORT']}"]
    assert f"localhost:{gateway['HEADWATER_GATEWAY_METRICS_PORT']}/healthz" in str(SERVICES["gateway"]["healthcheck"])
    assert f"localhost:{gateway['HEADWATER_CONSUMER_PORT']}/healthz" in str(SERVICES["consumer"]["healthcheck"])
