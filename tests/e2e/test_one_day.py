"""The whole product on one machine: up, import, a day in Airflow, an answer, an event that changes it, down.

One stack for the module, in a home and on ports of its own, so that it passes beside a running one.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from contracts.settings import PORT_OFFSETS
from serving.gateway.rules_file import RULES

pytestmark = pytest.mark.timeout(900)

WORLD = ["--users", "1000", "--items", "500", "--days", "14", "--seed", "7"]


def free_port_base() -> int:
    """A base whose whole block of ports nobody listens on."""
    for base in range(24000, 32000, 50):
        try:
            for offset in PORT_OFFSETS.values():
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return base
    raise OSError("no free block of ports between 24000 and 32000")


@dataclass(frozen=True)
class Stack:
    """A running stack and the command that drives it."""

    home: Path
    port_base: int

    @property
    def environment(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "PORT_BASE": str(self.port_base), "TRAIN_SECONDS": "15"}
        return os.environ | {f"HEADWATER_{name}": value for name, value in own.items()}

    def headwater(self, *arguments: str, timeout: float = 600) -> str:
        """Runs the command and returns its stdout; a failure shows stderr."""
        command = [str(Path(sys.executable).with_name("headwater")), *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr[-3000:]}"
        return done.stdout

    def client(self) -> httpx.Client:
        token = self.headwater("token").strip()
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port_base}", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process whose command line or working folder names this home."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        named = " ".join(process.info["cmdline"] or []) + (process.info["environ"] or {}).get("HEADWATER_HOME", "")
        if str(home) in named and process.pid != os.getpid():
            found.append(process)
    return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a champion trained by the DAG on a small simulated world."""
    home = tmp_path_factory.mktemp("day")
    running = Stack(home, free_port_base())
    world = home / "world"
    try:
        running.headwater("up", timeout=300)
        subprocess.run(
            [sys.executable, "-m", "simulator", "generate", str(world), *WORLD], env=running.environment, check=True
        )
        running.headwater("import", str(world), "--shift-to-now")
        running.headwater("train", timeout=840)
        yield running
    finally:
        running.headwater("down", timeout=120)
        assert processes_of(home) == []


def recommend(client: httpx.Client, user: str, count: int = 10) -> dict[str, Any]:
    answer = client.get("/v1/recommendations", params={"user_id": user, "count": count})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def a_known_user(stack: Stack) -> str:
    out = stack.home / "interactions.parquet"
    stack.headwater("lake", "export", "interactions", "--out", str(out))
    import pyarrow.parquet as pq

    users = pq.read_table(out, columns=["user_id"])["user_id"].value_counts().to_pylist()
    return str(sorted(users, key=lambda u: -u["counts"])[len(users) // 2]["values"])


def test_every_part_is_running(stack: Stack) -> None:
    parts = {part["name"]: part["state"] for part in json.loads(stack.headwater("status", "--json"))}
    assert parts == dict.fromkeys(parts, "running")
    assert {"redis", "postgres", "kafka", "mlflow", "gateway", "model-server", "consumer"} <= set(parts)


def test_a_known_user_gets_ten_items_of_the_champion(stack: Stack) -> None:
    champion = next(r for r in json.loads(stack.headwater("release", "list", "--json")) if "champion" in r["roles"])
    with stack.client() as client:
        answer = recommend(client, a_known_user(stack))
    assert answer["release"] == champion["id"]
    assert len({item["item_id"] for item in answer["items"]}) == 10
    assert answer["features"]["state"] == "fresh"
    assert answer["degraded"] == []


def test_an_unknown_user_gets_popular_items(stack: Stack) -> None:
    with stack.client() as client:
        answer = recommend(client, "nobody-has-seen-me")
    assert len(answer["items"]) == 10
    assert answer["features"] == {"user_age_seconds": None, "state": "missing"}


def test_without_a_token_there_is_no_answer(stack: Stack) -> None:
    answer = httpx.get(f"http://127.0.0.1:{stack.port_base}/v1/recommendations", params={"user_id": "u"})
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_an_event_changes_the_next_answer(stack: Stack) -> None:
    user = "new-user-of-this-test"
    with stack.client() as client:
        before = recommend(client, user)
        first = before["items"][0]["item_id"]
        posted = client.post("/v1/events", json={"user_id": user, "item_id": first, "action": "click"})
        assert posted.status_code == 202
        deadline = time.monotonic() + 20
        while (after := recommend(client, user))["features"]["state"] != "fresh" and time.monotonic() < deadline:
            time.sleep(0.1)
    assert after["features"]["state"] == "fresh"
    assert first not in [item["item_id"] for item in after["items"]]


def test_rules_are_tried_against_those_in_force(stack: Stack) -> None:
    strict = stack.home / "strict.yaml"
    strict.write_text("diversity: {category: {cap: 1, window: 10}}")
    in_force = stack.home / RULES
    in_force.write_text(strict.read_text())
    try:
        found = json.loads(stack.headwater("rules", "try", str(strict), "--users", "20", "--json"))
    finally:
        in_force.unlink()
    other = json.loads(stack.headwater("rules", "try", str(strict), "--users", "20", "--json"))
    assert found["tried"]["diversity_change"]["mean"] == 0
    assert other["tried"]["diversity_change"]["mean"] > 0


def test_the_daily_look_at_experiments_ends_green_in_airflow(stack: Stack) -> None:
    token = stack.headwater("token", "--scope", "admin,experiments:read,recommendations:read").strip()
    arms = [{"name": "control", "share": 0.5}, {"name": "variant", "share": 0.5, "settings": {"ranker": "none"}}]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port_base}", headers=headers, timeout=30) as client:
        assert client.post("/v1/experiments", json={"id": "ranked", "arms": arms}).status_code == 201
        assert client.post("/v1/experiments/ranked/start").status_code == 200
        deadline = time.monotonic() + 30
        while recommend(client, "anybody")["experiment"] is None and time.monotonic() < deadline:
            time.sleep(0.5)
        assert {recommend(client, f"guest-{n}")["experiment"]["arm"] for n in range(20)} == {"control", "variant"}
        tasks = dag_run(stack, "analyze_experiments")
        assert {name: state for name, state in tasks.items() if state != "success"} == {}
        assert set(tasks) == {"ingest", "replay", "running", "analyse", "carry_out", "grow"}
        decision = client.get("/v1/experiments/ranked/metrics").json()["decision"]
        assert client.post("/v1/experiments/ranked/stop").status_code == 200
    assert (decision["state"], decision["reason"][:24]) == ("hold", "no arm has been compared")
    out = stack.home / "impressions.parquet"
    stack.headwater("lake", "export", "impressions", "--out", str(out))
    import pyarrow.parquet as pq

    assert "ranked" in pq.read_table(out, columns=["experiment"])["experiment"].unique().to_pylist()


def dag_run(stack: Stack, dag: str) -> dict[str, str]:
    """Runs a DAG once; task → state at its end."""
    address = next(p for p in json.loads(stack.headwater("status", "--json")) if p["name"] == "airflow-api-server")
    with httpx.Client(base_url=address["address"], timeout=60) as airflow:
        login = {"username": "admin", "password": "admin"}
        airflow.headers["Authorization"] = f"Bearer {airflow.post('/auth/token', json=login).json()['access_token']}"
        airflow.patch(f"/api/v2/dags/{dag}", json={"is_paused": False}).raise_for_status()
        run = airflow.post(f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": None}).json()["dag_run_id"]
        deadline = time.monotonic() + 300
        while (state := airflow.get(f"/api/v2/dags/{dag}/dagRuns/{run}").json()["state"]) not in ("success", "failed"):
            assert time.monotonic() < deadline, state
            time.sleep(2)
        listed = airflow.get(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances").json()["task_instances"]
    return {one["task_id"]: one["state"] for one in listed}


def test_a_killed_gateway_comes_back_and_answers(stack: Stack) -> None:
    gateway = next(p for p in json.loads(stack.headwater("status", "--json")) if p["name"] == "gateway")
    os.kill(gateway["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not ready(stack) and time.monotonic() < deadline:
        time.sleep(0.5)
    now = next(p for p in json.loads(stack.headwater("status", "--json")) if p["name"] == "gateway")
    assert now["state"] == "running"
    assert now["pid"] != gateway["pid"]
    with stack.client() as client:
        assert len(recommend(client, "nobody-has-seen-me")["items"]) == 10


def ready(stack: Stack) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{stack.port_base}/readyz", timeout=2).is_success
    except httpx.HTTPError:
        return False
