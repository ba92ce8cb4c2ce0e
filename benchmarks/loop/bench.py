"""Three experiments with nobody in between: a better challenger, a worse one and an equal one, day by day.

Gateway, Kafka, lake sink and the DAG in Airflow are the real ones; days are shorter because the clock is stepped. The
world knows how likely every shown item was to be clicked: the true lift stands beside the estimated one.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.loop.copies import copied
from benchmarks.loop.installation import Installation, installed
from benchmarks.loop.visits import Visits
from benchmarks.result import Figure
from contracts.clock import utc
from contracts.errors import HeadwaterError
from contracts.experiment import Arm, Experiment, Status
from contracts.release import CHAMPION
from contracts.settings import Settings
from database.engine import connect
from releases.pointers import Pointers
from releases.promotion import Door
from releases.store import ReleaseStore
from simulator.settings import DAY
from simulator.tables import load_world

MAXIMUM_DAYS = 3
BUDGET_MINUTES = 45.0
AFTER_MIDNIGHT = 60.0
DAMAGED, WORSE, EQUAL = "r00000000bad1", "r00000000bad2", "r0000000e00a1"


@dataclass(frozen=True)
class Scenario:
    """What is tried against what, and how it must end."""

    name: str
    champion: str
    challenger: str
    expected: Status


@dataclass(frozen=True)
class Ending:
    """How it ended: after how many days, with which champion, the comparison, and the true lift."""

    status: str
    days: int
    champion: str | None
    comparison: dict[str, Any]
    true_lift: float


@contextmanager
def _door(settings: Settings) -> Iterator[Door]:
    engine = connect(settings.database_url)
    yield Door(ReleaseStore(settings.releases), Pointers(engine, settings.now()), settings.home / "models")
    engine.dispose()


def _begin(there: Installation, client: httpx.Client, scenario: Scenario) -> None:
    """Points, declares and starts: the last thing that anybody does."""
    with _door(there.settings) as door:
        door.promote(scenario.champion, who="bench", why=scenario.name)
        door.challenge(scenario.challenger, who="bench", why=scenario.name)
    experiment = Experiment(
        id=scenario.name,
        hypothesis=f"{scenario.challenger} is better than {scenario.champion}",
        arms=(
            Arm(name="control", share=0.5, release=scenario.champion),
            Arm(name="challenger", share=0.5, release=scenario.challenger),
        ),
        guardrails=("clicks_per_user:0.2",),
        window_days=1,
        minimum_days=2,
        maximum_days=MAXIMUM_DAYS,
    )
    client.post("/v1/experiments", json=experiment.model_dump(mode="json")).raise_for_status()
    client.post(f"/v1/experiments/{scenario.name}/start").raise_for_status()


def _until_decided(
    there: Installation, client: httpx.Client, visits: Visits, scenario: Scenario, start: float
) -> Ending:
    visits.truth.clear()
    visits.wait_for(scenario.name, {"control", "challenger"})
    metrics: dict[str, Any] = {"status": str(Status.RUNNING)}
    days = 0
    while metrics["status"] == Status.RUNNING and days <= MAXIMUM_DAYS:
        midnight = start + (days + 1) * DAY
        visits.day(midnight - DAY)
        there.set_clock(midnight + AFTER_MIDNIGHT)
        there.analyse((utc(midnight) - timedelta(days=1)).date().isoformat())
        days += 1
        metrics = client.get(f"/v1/experiments/{scenario.name}/metrics").raise_for_status().json()
        _say(f"{scenario.name}, day {days}: {metrics['decision']['state']}, {metrics['decision']['reason']}")
    with _door(there.settings) as door:
        champion = door.pointers.get(CHAMPION).release_id
    lift = visits.truth["challenger"].rate / visits.truth["control"].rate - 1
    return Ending(metrics["status"], days, champion, metrics["comparison"], lift)


def _figures(scenario: Scenario, ending: Ending) -> list[Figure]:
    low, high = (float("nan") if bound is None else bound for bound in ending.comparison["lift_interval"])
    winner = scenario.challenger if scenario.expected is Status.PROMOTED else scenario.champion
    right = ending.status == scenario.expected and ending.champion == winner
    return [
        Figure(f"{scenario.name}_decided_rightly", float(right), "share", "all", 1.0),
        Figure(f"{scenario.name}_days", float(ending.days), "days", "maximum_run_time", float(MAXIMUM_DAYS)),
        Figure(f"{scenario.name}_lift", ending.comparison["lift"], "share", "true_lift", ending.true_lift),
        Figure(f"{scenario.name}_lift_lower", low, "share", "true_lift", ending.true_lift),
        Figure(f"{scenario.name}_lift_upper", high, "share", "true_lift", ending.true_lift),
    ]


def run(argv: Sequence[str]) -> list[Figure]:
    """Options: ``--users``, ``--items``, ``--days`` of the world, ``--pages`` a person and day, ``--port-base``."""
    parser = argparse.ArgumentParser(prog="headwater bench loop")
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--pages", type=int, default=2)
    parser.add_argument("--port-base", type=int, default=Settings().port_base + 500)
    parser.add_argument("--home", type=Path, help="kept afterwards; default a temporary folder")
    options = parser.parse_args(list(argv))
    if options.home is not None:
        return _loop(options.home.resolve(), options)
    with tempfile.TemporaryDirectory(prefix="hw-loop-", ignore_cleanup_errors=True) as folder:
        return _loop(Path(folder), options)


def _loop(home: Path, options: argparse.Namespace) -> list[Figure]:
    began, figures = time.monotonic(), []
    home.mkdir(parents=True, exist_ok=True)
    now = Settings().now()() // DAY * DAY
    with installed(home, options.port_base, now) as there:
        size = [f"--{name}={getattr(options, name)}" for name in ("users", "items", "days")]
        there.simulator("generate", str(home / "world"), "--end", utc(now).isoformat(), *size)
        there.headwater("import", str(home / "world"))
        there.headwater("train")
        with _door(there.settings) as door:
            trained = door.pointers.get(CHAMPION).release_id
            if trained is None:
                raise HeadwaterError("the gate refused the first release: give the world more users or days")
            for identifier, damaged in {DAMAGED: True, WORSE: True, EQUAL: False}.items():
                copied(door.store, trained, identifier, damaged=damaged)
        scenarios = (
            Scenario("better", DAMAGED, trained, Status.PROMOTED),
            Scenario("worse", trained, WORSE, Status.ROLLED_BACK),
            Scenario("equal", trained, EQUAL, Status.INCONCLUSIVE),
        )
        with there.gateway() as client:
            visits = Visits(load_world(home / "world"), client, there.set_clock, options.pages)
            for scenario in scenarios:
                _say(f"{scenario.name}: {scenario.challenger} against {scenario.champion}")
                there.set_clock(now)
                _begin(there, client, scenario)
                ending = _until_decided(there, client, visits, scenario, now)
                now += (ending.days + 1) * DAY
                figures += _figures(scenario, ending)
    minutes = (time.monotonic() - began) / 60
    return [*figures, Figure("loop_minutes", minutes, "minutes", "budget", BUDGET_MINUTES)]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
