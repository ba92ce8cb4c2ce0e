"""Every dependency down in turn: the panels that need it name it, the others go on."""

from pathlib import Path

import pytest

from contracts.settings import Settings
from releases.store import ReleaseStore
from tests.console import filled
from tests.console.conftest import A
from tests.console.running import NOBODY, alone, running_console
from tests.releases import releases
from tests.serving.conftest import free_port

NEEDS = {
    "/api/parts": None,
    "/api/gateway": "gateway",
    "/api/consumer": "consumer",
    "/api/explain?user_id=u1": "gateway",
    "/api/releases": "disk",
    f"/api/releases/{A}": "disk",
    "/api/pointers": "PostgreSQL",
    "/api/experiments": "PostgreSQL",
    "/api/experiments/x1": "PostgreSQL",
    "/api/quality/quarantine": "the lake",
    "/api/quality/dropped": "the lake",
    "/api/quality/dirty-days": "the lake",
    "/api/quality/drift": None,
    "/api/quality/reports": None,
}


def answers(settings: Settings) -> dict[str, str | None]:
    """What each panel's question says is unavailable; None where it was answered."""
    found: dict[str, str | None] = {}
    with running_console(settings) as console:
        for path in NEEDS:
            answer = console.client.get(path)
            assert answer.status_code in (200, 503), (path, answer.text)
            found[path] = None if answer.status_code == 200 else answer.json()["detail"]
    return found


def test_what_is_down_is_named_with_what_to_do_and_the_rest_goes_on(settings: Settings) -> None:
    filled.fill_lake(settings)
    filled.fill_experiment(settings, A)
    for path, said in answers(settings).items():
        if NEEDS[path] in ("gateway", "consumer"):
            assert said is not None, path
            assert said.startswith(f"{NEEDS[path]} is unavailable: http://{NOBODY}"), said
            assert "see headwater logs" in said
        else:
            assert said is None, path


def test_postgresql_down_leaves_releases_and_data_to_be_seen(tmp_path: Path) -> None:
    releases.published(ReleaseStore(tmp_path / "releases"), A)
    for path, said in answers(alone(home=tmp_path, console_port=free_port())).items():
        if NEEDS[path] == "PostgreSQL":
            assert said is not None, path
            assert said.startswith("PostgreSQL is unavailable"), said
            assert "headwater status" in said
        elif NEEDS[path] in (None, "the lake"):
            assert said is None, path


def test_a_lake_that_cannot_be_read_is_named(settings: Settings) -> None:
    broken = settings.model_copy(update={"lake": "s3://nowhere/lake", "s3_endpoint": f"http://{NOBODY}"})
    with running_console(broken) as console:
        answer = console.client.get("/api/quality/quarantine")
        assert answer.status_code == 503
        assert answer.json()["detail"].startswith("the lake is unavailable")
        assert console.client.get("/api/pointers").status_code == 200


def test_an_issuer_that_is_down_signs_nobody_in_and_says_what_to_do(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"issuer": f"http://{NOBODY}", "token_url": f"http://{NOBODY}/token"})
    with running_console(elsewhere) as console:
        credentials = {"client_id": "headwater", "client_secret": "x"}
        answer = console.client.post("/api/session", json=credentials)
        assert (answer.status_code, console.client.get("/api/pointers").status_code) == (503, 503)
    assert "paste one that you have" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["redis", "kafka", "mlflow", "model-server", "airflow-scheduler", "consumer"])
def test_a_part_that_is_down_says_what_is_lost(settings: Settings, name: str) -> None:
    with running_console(settings) as console:
        parts = {row["name"]: row for row in console.get("/api/parts")}
    assert parts["postgres"]["state"] == "running"
    assert parts[name]["state"] == "down"
    assert parts[name]["lost"]
    assert parts[name]["ms"] < 4000
