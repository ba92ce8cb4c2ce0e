"""``headwater demo``: the whole way from data to a recommendation, in one command that may be run again."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from contracts.errors import HeadwaterError, UnavailableError
from contracts.release import CHAMPION
from contracts.settings import Settings
from stack.composition import connectable
from stack.servers.airflow import LOGIN

USERS: Final = 20_000
ITEMS: Final = 10_000
DAYS: Final = 30
SEED: Final = 7
TRAIN_SECONDS: Final = 28
"""Training budget on the simulated world, where nobody has set one: who tries the demo waits for it."""
ANSWER_SECONDS: Final = 60.0
ITEMS_SHOWN: Final = 10


class Steps:
    """Runs steps one after another and says what goes on and how long it has been going on."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, line: str) -> None:
        """One line of progress on stderr, with the seconds since the start."""
        typer.echo(f"[{time.monotonic() - self._began:4.0f} s] {line}", err=True)

    def run(self, title: str, *arguments: str) -> None:
        """Runs ``python -m`` with these arguments, its output shown on stderr. Raises HeadwaterError when it fails."""
        self.say(title)
        done = subprocess.run([sys.executable, "-m", *arguments], stdout=sys.stderr.fileno(), check=False)
        if done.returncode != 0:
            raise HeadwaterError(f"{title}: failed; what went wrong stands above, and make demo may be run again.")

    def headwater(self, title: str, *arguments: str) -> None:
        """Runs a verb of ours."""
        self.run(title, "cli", *arguments)


def command(
    data: Annotated[
        Path | None, typer.Option("--data", help="A MovieLens zip or a folder of tables; default a simulated world.")
    ] = None,
) -> None:
    """Start the stack, import data, run the daily training in Airflow, serve, and print one real recommendation."""
    settings, steps = Settings(), Steps()
    if data is not None and not data.exists():
        raise HeadwaterError(f"There is no {data}: give a MovieLens zip or a folder of tables.")
    steps.headwater("starting the stack", "up")
    if not _trained(settings, data):
        if _stamp(settings).exists():
            steps.say(
                f"the lake in {settings.home} holds other data already, and both are trained together: "
                "set HEADWATER_HOME to another folder to see this data alone"
            )
        source = data or _simulated_world(settings, steps)
        steps.headwater(f"importing {source}", "import", str(source), "--shift-to-now")
        own = data is not None or "train_seconds" in settings.model_fields_set
        budget = [] if own else ["--budget", str(TRAIN_SECONDS)]
        steps.headwater("training: the DAG train_daily in Airflow", "train", *budget)
        if not _has_champion(settings):
            raise HeadwaterError(
                "The gate refused the first release, so there is nothing to serve: its reasons stand in the log of the "
                "task gate in Airflow and in MLflow. The stack stays up."
            )
        _stamp(settings).write_text(_origin(data))
    answer = _recommendation(settings, steps)
    _print_answer(answer)
    _print_addresses(settings, answer["user_id"])


def _origin(data: Path | None) -> str:
    """What the demo was made from: the same origin needs no second import and training."""
    if data is None:
        return f"simulated {USERS} {ITEMS} {DAYS} {SEED}"
    files = sorted(path for path in data.rglob("*") if path.is_file()) if data.is_dir() else [data]
    listing = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return f"{data.resolve()} {hashlib.sha256(chr(10).join(listing).encode()).hexdigest()}"


def _stamp(settings: Settings) -> Path:
    return settings.home / "demo"


def _trained(settings: Settings, data: Path | None) -> bool:
    """Whether this origin was imported and trained before, and there is a champion still."""
    stamp = _stamp(settings)
    return stamp.exists() and stamp.read_text() == _origin(data) and _has_champion(settings)


def _has_champion(settings: Settings) -> bool:
    from database.engine import connect
    from releases.pointers import Pointers

    engine = connect(settings.database_url)
    try:
        return Pointers(engine, settings.now()).get(CHAMPION).release_id is not None
    finally:
        engine.dispose()


def _simulated_world(settings: Settings, steps: Steps) -> Path:
    """The folder with the default world: made once for the same parameters, in a folder renamed at the end."""
    world = settings.home / "simulated" / f"{USERS}x{ITEMS}x{DAYS}-{SEED}"
    if not world.exists():
        staging = world.with_suffix(".staging")
        shutil.rmtree(staging, ignore_errors=True)
        staging.parent.mkdir(parents=True, exist_ok=True)
        size = ("--users", str(USERS), "--items", str(ITEMS), "--days", str(DAYS), "--seed", str(SEED))
        steps.run(
            f"simulating {USERS:,} users, {ITEMS:,} items, {DAYS} days", "simulator", "generate", str(staging), *size
        )
        staging.rename(world)
    return world


def _recommendation(settings: Settings, steps: Steps) -> dict[str, Any]:
    """One answer of the gateway to a user of the lake, asked for until the gateway has loaded the champion."""
    from lake.store import Lake

    steps.say("asking the gateway for a recommendation")
    lake = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)
    days = lake.days("interactions")
    if not days:
        raise HeadwaterError("The lake holds no interactions: import data with headwater import.")
    users = lake.read("interactions", columns=["user_id"], days=(days[-1], days[-1])).column("user_id").to_pylist()
    user = random.Random(SEED).choice(sorted(set(users)))
    query = urllib.parse.urlencode({"user_id": user, "count": ITEMS_SHOWN})
    url = f"{_gateway(settings)}/v1/recommendations?{query}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {_token()}"})
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer: dict[str, Any] = json.load(response)
            if answer["release"] is not None:
                return answer
            reason = "no release is served yet"
        except urllib.error.HTTPError as error:
            reason = f"it answered {error.code}"
        except OSError as error:
            reason = str(error)
        if time.monotonic() > deadline:
            raise UnavailableError("The gateway", f"{reason}; see headwater logs gateway")
        time.sleep(1)


def _token() -> str:
    done = subprocess.run([sys.executable, "-m", "cli", "token"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HeadwaterError(done.stderr.strip() or "headwater token failed.")
    return done.stdout.strip()


def _gateway(settings: Settings) -> str:
    return f"http://{connectable(settings.bind)}:{settings.gateway_port}"


def _print_answer(answer: dict[str, Any]) -> None:
    typer.echo(f"\nRecommended for user {answer['user_id']} by release {answer['release']}:")
    for item in answer["items"]:
        name = item["title"] or item["item_id"]
        why = item["reasons"][0] if item["reasons"] else ", ".join(item["sources"])
        typer.echo(f"  {item['position']:2}. {name:40.40}  {why}")


def _print_addresses(settings: Settings, user: str) -> None:
    host, gateway = connectable(settings.bind), _gateway(settings)
    query = urllib.parse.urlencode({"user_id": user})
    person = urllib.parse.urlencode({"user": user})
    rows = [
        ("Storefront", f"http://{host}:{settings.storefront_port}/?{person}"),
        ("Console", f"http://{host}:{settings.console_port}  (sign in with: .venv/bin/headwater token --scope admin)"),
        ("Airflow", f"http://{host}:{settings.airflow_port}  (login {LOGIN[0]} / {LOGIN[1]})"),
        ("MLflow", settings.mlflow_url),
        ("Gateway", f"{gateway}/docs"),
    ]
    typer.echo("\nWhat is up:")
    for name, address in rows:
        typer.echo(f"  {name:10} {address}")
    typer.echo(
        "\nWhat to try next:\n"
        "  .venv/bin/headwater traffic        # people who look, click and buy, until Ctrl-C\n"
        "  .venv/bin/headwater status\n"
        "  .venv/bin/headwater release list\n"
        f'  curl -H "Authorization: Bearer $(.venv/bin/headwater token)" "{gateway}/v1/recommendations?{query}"\n'
        "  make down"
    )
