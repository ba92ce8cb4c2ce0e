"""``headwater train``: the daily run, in Airflow or without it."""

import json
import subprocess
import sys
import time
from typing import Annotated, Any

import httpx
import typer

from contracts.errors import HeadwaterError, UnavailableError
from contracts.settings import Settings

DAG = "train_daily"
LOGIN = {"username": "admin", "password": "admin"}
ENDED = ("success", "failed")
PATIENCE_SECONDS = 300.0
"""How long Airflow may be out of reach while a run is followed: a busy machine answers late."""
SETTLED = ("success", "failed", "skipped", "upstream_failed", "removed")


def command(
    date: Annotated[str | None, typer.Option(help="YYYY-MM-DD: the last day that is read; default up to now")] = None,
    local: Annotated[bool, typer.Option("--local", help="the same steps here, without Airflow")] = False,
    seed: Annotated[int | None, typer.Option(help="default: the setting train_seed")] = None,
    budget: Annotated[int | None, typer.Option(help="seconds for the two-tower; default: train_seconds")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Train a release from the lake's data and ship it if the gate lets it."""
    settings = Settings()
    try:
        result = train_local(settings, date, seed, budget) if local else train_in_airflow(settings, date, seed, budget)
    except HeadwaterError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        json.dump(result, sys.stdout)
        typer.echo()
    else:
        typer.echo(f"{'shipped' if result['shipped'] else 'refused by the gate'}: {result['run']}")


def train_local(settings: Settings, date: str | None, seed: int | None, budget: int | None) -> dict[str, Any]:
    """Every step in order, each in a process of its own. Raises HeadwaterError with the last line of a failed step."""
    from training.jobs.plan import plan
    from training.jobs.steps import SHIPPING, STEPS

    run = plan(settings, date=date, seed=seed, budget_seconds=budget).id
    typer.echo(f"run {run}", err=True)
    reports: dict[str, Any] = {}
    for step in STEPS:
        shipping = reports.get("gate", {}).get("passed", True)
        if (step.name in SHIPPING and not shipping) or (step.name == "refused" and shipping):
            continue
        started = time.monotonic()
        typer.echo(f"{step.name} …", err=True)
        done = subprocess.run(
            [sys.executable, "-m", "training.jobs", "step", step.name, run],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise HeadwaterError(f"step {step.name} failed: {lines[-1] if lines else f'status {done.returncode}'}")
        reports[step.name] = json.loads(done.stdout.splitlines()[-1])
        typer.echo(f"{step.name} done in {time.monotonic() - started:.0f} s", err=True)
    return {"run": run, "shipped": bool(reports["gate"]["passed"]), "steps": reports}


def train_in_airflow(settings: Settings, date: str | None, seed: int | None, budget: int | None) -> dict[str, Any]:
    """Triggers the DAG and follows it, a line a task. Raises UnavailableError, or HeadwaterError when it fails."""
    address = settings.airflow_url
    conf = {name: value for name, value in (("date", date), ("seed", seed), ("budget", budget)) if value is not None}
    try:
        with httpx.Client(base_url=address, timeout=30) as client:
            token = _checked(client.post("/auth/token", json=LOGIN))["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            _checked(client.patch(f"/api/v2/dags/{DAG}", json={"is_paused": False}))
            body = {"logical_date": None, "conf": conf}
            run = _checked(client.post(f"/api/v2/dags/{DAG}/dagRuns", json=body))["dag_run_id"]
            typer.echo(f"follow it at {address}/dags/{DAG}/runs/{run}", err=True)
            return _follow(client, f"/api/v2/dags/{DAG}/dagRuns/{run}")
    except httpx.HTTPError as error:
        raise UnavailableError("Airflow", f"{address} does not answer ({error}); start it with headwater up") from error


def _follow(client: httpx.Client, path: str) -> dict[str, Any]:
    told: dict[str, str] = {}
    started = reached = time.monotonic()
    while True:
        try:
            state = _checked(client.get(path))["state"]
            tasks = _checked(client.get(f"{path}/taskInstances"))["task_instances"]
        except httpx.TransportError:
            if time.monotonic() - reached > PATIENCE_SECONDS:
                raise
            time.sleep(2)
            continue
        reached = time.monotonic()
        for one in tasks:
            name, now = one["task_id"], one["state"]
            if now == told.get(name) or now not in (*SETTLED, "running", "up_for_retry"):
                continue
            told[name] = now
            took = f" in {one['duration']:.0f} s" if now in SETTLED and one["duration"] else ""
            typer.echo(f"[{time.monotonic() - started:6.1f} s] {name}: {now}{took}", err=True)
        if state in ENDED:
            break
        time.sleep(2)
    states = {one["task_id"]: one["state"] for one in tasks}
    if state == "failed":
        failed = [name for name, one in states.items() if one == "failed"]
        raise HeadwaterError(f"{', '.join(failed) or 'the run'} failed; its log in Airflow ends with the reason")
    run = _checked(client.get(f"{path}/taskInstances/plan/xcomEntries/return_value"))["value"]
    return {"run": run, "shipped": states.get("promote") == "success", "tasks": states}


def _checked(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise HeadwaterError(f"Airflow answered {answer.status_code} to {answer.request.url.path}: {answer.text[:200]}")
    return answer.json()
