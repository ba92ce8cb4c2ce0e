"""Airflow on the embedded PostgreSQL: the login that is documented, and a DAG with parallel tasks that ends green."""

import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.settings import Settings
from stack.composition import TREE, stack_environment
from stack.lifecycle import down, up
from stack.preflight import free_ports
from stack.run_folder import RunFolder
from stack.servers.airflow import LOGIN, AirflowSite, airflow_servers
from stack.servers.postgres import postgres_server
from stack.supervision import Supervisor

HOST = "127.0.0.1"
DAG = '''
"""Three tasks side by side, then one that sees what they wrote."""
import os
from pathlib import Path
from airflow.sdk import dag, task

@dag(schedule=None)
def parallel():
    @task
    def write(number: int) -> str:
        import contracts
        file = Path(os.environ["HEADWATER_HOME"]) / f"written-{number}"
        file.write_text("done")
        return file.name

    @task
    def count(names: list[str]) -> int:
        found = len(list(Path(os.environ["HEADWATER_HOME"]).glob("written-*")))
        assert found == 3, found
        return found

    count([write(number) for number in range(3)])

parallel()
'''


class Api:
    """Airflow's REST interface for the documented login."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._token = ""
        login = {"username": LOGIN[0], "password": LOGIN[1]}
        self._token = self.call("POST", "/auth/token", login)["access_token"]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)


@pytest.fixture
def airflow(tmp_path: Path) -> Iterator[Api]:
    """All four processes on a PostgreSQL of their own, with one DAG."""
    tree = tmp_path / "tree"
    (tree / "dags").mkdir(parents=True)
    (tree / "dags" / "parallel.py").write_text(DAG)
    shutil.copy(TREE / "airflow.cfg", tree / "airflow.cfg")
    postgres_port, port = free_ports(HOST, 2)
    home = tmp_path / "home"
    site = AirflowSite(home, tree, HOST, port, HOST, postgres_port)
    variables = stack_environment(Settings(home=home))
    waves = ((postgres_server(home, HOST, postgres_port),), airflow_servers(site, variables))
    supervisor = Supervisor(RunFolder(home), TREE)
    try:
        up(waves, supervisor, HOST, lambda _line: None)
        yield Api(site.address)
    finally:
        down(waves, supervisor, lambda _line: None)


@pytest.mark.timeout(600)
def test_parallel_tasks_end_green_for_the_documented_login(airflow: Api) -> None:
    deadline = time.monotonic() + 240
    while not airflow.call("GET", "/api/v2/dags")["dags"]:
        assert time.monotonic() < deadline, airflow.call("GET", "/api/v2/importErrors")
        time.sleep(1)
    airflow.call("PATCH", "/api/v2/dags/parallel", {"is_paused": False})
    run = airflow.call("POST", "/api/v2/dags/parallel/dagRuns", {"logical_date": None})["dag_run_id"]
    state = ""
    while state not in {"success", "failed"}:
        assert time.monotonic() < deadline, state
        state = airflow.call("GET", f"/api/v2/dags/parallel/dagRuns/{run}")["state"]
        time.sleep(1)
    tasks = airflow.call("GET", f"/api/v2/dags/parallel/dagRuns/{run}/taskInstances")["task_instances"]
    assert {task["state"] for task in tasks} == {"success"}, tasks
    assert len(tasks) == 4
