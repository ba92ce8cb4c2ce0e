"""An installation of its own whose clock is stepped: the real servers, in days that last as long as their work."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from serving.auth.issuer import Issuer
from serving.auth.scopes import SCOPES
from simulator.traffic import Authorisation
from stack.servers.airflow import LOGIN

YEAR_SECONDS = 366 * 86_400
DAG = "analyze_experiments"
DAG_SECONDS = 600.0
"""Longest that a run of the DAG is waited for."""


@dataclass(frozen=True)
class Installation:
    """``settings`` name its home, ports and clock; ``environment`` is what its processes get."""

    settings: Settings
    environment: dict[str, str]

    def set_clock(self, now: float) -> None:
        """Steps the time of every process at once; a reader sees the old or the new time."""
        path = Path(self.settings.clock.removeprefix("file:"))
        waiting = path.with_suffix(".next")
        waiting.write_text(f"{now:.6f}")
        waiting.replace(path)

    def headwater(self, *arguments: str) -> None:
        """Runs the command; raises HeadwaterError with its last line when it fails."""
        self._python("cli", *arguments)

    def simulator(self, *arguments: str) -> None:
        """Runs ``python -m simulator``."""
        self._python("simulator", *arguments)

    def _python(self, module: str, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self.environment, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise HeadwaterError(f"{module} {' '.join(arguments)} failed: {lines[-1] if lines else done.returncode}")

    @contextmanager
    def gateway(self) -> Iterator[httpx.Client]:
        """A client of the gateway whose token allows everything and outlasts the simulated days."""
        issuer = Issuer(self.settings.home, self.settings.issuer, self.settings.audience, self.settings.now())
        token = issuer.token("bench", SCOPES, seconds=YEAR_SECONDS)
        with httpx.Client(
            base_url=self.settings.issuer, auth=Authorisation(lambda: token), timeout=30, trust_env=False
        ) as client:
            yield client

    def analyse(self, day: str) -> None:
        """Runs the DAG in Airflow for the day. Raises HeadwaterError when it does not end green."""
        with httpx.Client(base_url=self.settings.airflow_url, timeout=60, trust_env=False) as client:
            login = {"username": LOGIN[0], "password": LOGIN[1]}
            client.headers["Authorization"] = (
                f"Bearer {_checked(client.post('/auth/token', json=login))['access_token']}"
            )
            _checked(client.patch(f"/api/v2/dags/{DAG}", json={"is_paused": False}))
            body = {"logical_date": None, "conf": {"day": day}}
            run = _checked(client.post(f"/api/v2/dags/{DAG}/dagRuns", json=body))["dag_run_id"]
            path, end, state = f"/api/v2/dags/{DAG}/dagRuns/{run}", time.monotonic() + DAG_SECONDS, ""
            while state not in ("success", "failed"):
                if time.monotonic() > end:
                    raise HeadwaterError(f"the DAG of {day} did not end within {DAG_SECONDS:.0f} s")
                time.sleep(2)
                state = _checked(client.get(path))["state"]
            tasks = _checked(client.get(f"{path}/taskInstances"))["task_instances"]
            if state == "failed":
                failed = ", ".join(one["task_id"] for one in tasks if one["state"] == "failed")
                raise HeadwaterError(f"{failed} of {DAG} failed; see the logs in {self.settings.home}/airflow")


def _checked(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise HeadwaterError(f"Airflow answered {answer.status_code} to {answer.request.url.path}: {answer.text[:200]}")
    return answer.json()


@contextmanager
def installed(home: Path, port_base: int, now: float) -> Iterator[Installation]:
    """A running stack in ``home`` whose time is ``now``; taken down at the end."""
    clock = home / "clock"
    own = {
        "HOME": str(home),
        "PORT_BASE": str(port_base),
        "CLOCK": f"file:{clock}",
        "TRAIN_SECONDS": "15",
        "REQUEST_DEADLINE_MS": "2000",
    }
    environment = os.environ | {f"HEADWATER_{name}": value for name, value in own.items()}
    settings = Settings(home=home, port_base=port_base, clock=f"file:{clock}")
    there = Installation(settings, environment)
    there.set_clock(now)
    try:
        there.headwater("up")
        yield there
    finally:
        there.headwater("down")
