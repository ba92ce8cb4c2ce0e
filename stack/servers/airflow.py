"""Airflow's four processes on PostgreSQL. ``airflow.cfg`` at the top of the tree is in force; see it for the rest.

No log server is started: tasks run on this machine and the api-server reads their logs from the folder.
"""

import base64
import importlib.metadata
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from contracts.errors import HeadwaterError
from stack.health import http_answers, postgres_scalar
from stack.server import Server
from stack.servers.postgres import USER

LOGIN: Final = ("admin", "admin")
DATABASE: Final = "airflow"
HEARTBEAT_SECONDS: Final = 30
_MIGRATION: Final = threading.Lock()
"""The four are prepared at the same time; one of them migrates."""


@dataclass(frozen=True)
class AirflowSite:
    """Where this Airflow lives. ``tree`` is the checkout with ``dags/`` and ``airflow.cfg``."""

    home: Path
    tree: Path
    host: str
    port: int
    postgres_host: str
    postgres_port: int

    @property
    def address(self) -> str:
        """Where people and tasks reach the api-server."""
        return f"http://{self.host}:{self.port}"

    @property
    def folder(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"


def airflow_environment(site: AirflowSite) -> dict[str, str]:
    """What differs by machine, as variables that every Airflow process gets. Makes the secrets when there are none."""
    keys = _secrets(site.folder / "secrets.json")
    connection = f"postgresql+psycopg2://{USER}@{site.postgres_host}:{site.postgres_port}/{DATABASE}"
    return {
        "AIRFLOW_HOME": str(site.folder),
        "AIRFLOW_CONFIG": str(site.tree / "airflow.cfg"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(site.tree / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(site.folder / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(site.folder / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{site.address}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": connection,
        "AIRFLOW__API__BASE_URL": site.address,
        "AIRFLOW__API__HOST": site.host,
        "AIRFLOW__API__PORT": str(site.port),
        "AIRFLOW__API__SECRET_KEY": keys["api_secret"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(site.folder / "logs"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(site.folder / "logs" / "dag_processor"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(site.folder / "bundles"),
    }


def airflow_servers(site: AirflowSite, environment: Mapping[str, str]) -> tuple[Server, ...]:
    """The api-server, scheduler, dag-processor and triggerer; whichever is prepared first migrates the database."""
    variables = {**environment, **airflow_environment(site)}
    monitor = f"{site.address}/api/v2/monitor/health"

    def component(name: str, job: str, *arguments: str) -> Server:
        return Server(
            name=f"airflow-{name}",
            command=(*_airflow(), name, *arguments),
            address=monitor,
            ports=(),
            healthy=partial(_heartbeat, site, job),
            prepare=partial(migrate, site, variables),
            environment=variables,
            ready_seconds=180,
        )

    api = Server(
        name="airflow-api-server",
        command=(*_airflow(), "api-server"),
        address=site.address,
        ports=(site.port,),
        healthy=lambda _started: http_answers(monitor),
        prepare=partial(migrate, site, variables),
        environment=variables,
        ready_seconds=180,
    )
    return (
        api,
        component("scheduler", "SchedulerJob", "--skip-serve-logs"),
        component("dag-processor", "DagProcessorJob"),
        component("triggerer", "TriggererJob", "--skip-serve-logs"),
    )


def migrate(site: AirflowSite, environment: Mapping[str, str]) -> None:
    """Brings Airflow's tables to this version and writes the login. Quick when both are done."""
    with _MIGRATION:
        _migrate(site, environment)


def _migrate(site: AirflowSite, environment: Mapping[str, str]) -> None:
    site.folder.mkdir(parents=True, exist_ok=True)
    passwords = site.folder / "passwords.json"
    if not passwords.exists():
        _write_private(passwords, json.dumps({LOGIN[0]: LOGIN[1]}) + "\n")
    version = importlib.metadata.version("apache-airflow")
    stamp = site.home / "postgres" / "data" / f"airflow-{version}.migrated"
    if stamp.exists():
        return
    done = subprocess.run(
        [*_airflow(), "db", "migrate"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise HeadwaterError(f"airflow db migrate failed: {lines[-1] if lines else 'no reason given'}")
    stamp.touch()


def _airflow() -> tuple[str, ...]:
    return (sys.executable, "-m", "airflow")


def _heartbeat(site: AirflowSite, job: str, started: float) -> bool:
    """A job of this kind that began after the process did (less a second) has beaten lately."""
    query = (
        "SELECT count(*) FROM job WHERE state = 'running' "
        f"AND job_type = '{job}' AND start_date >= to_timestamp({started - 1:.0f}) "
        f"AND latest_heartbeat > now() - interval '{HEARTBEAT_SECONDS} seconds'"
    )
    count = postgres_scalar(site.postgres_host, site.postgres_port, USER, DATABASE, query)
    return isinstance(count, int) and count > 0


def _secrets(file: Path) -> dict[str, str]:
    """The secrets that all processes share, made once."""
    if not file.exists():
        made = {
            "jwt_secret": secrets.token_urlsafe(48),
            "api_secret": secrets.token_urlsafe(48),
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_private(file, json.dumps(made))
    keys: dict[str, str] = json.loads(file.read_text())
    return keys


def _write_private(file: Path, text: str) -> None:
    staging = file.with_suffix(".staging")
    staging.touch(mode=0o600)
    staging.write_text(text)
    staging.replace(file)
