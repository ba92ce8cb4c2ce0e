"""``headwater experiment``: plan, create, start, stop and read experiments."""

import getpass
import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from contracts.errors import InvalidInputError
from contracts.settings import Settings
from experimentation import api, jobs
from experimentation.power import plan
from experimentation.report import page

app = typer.Typer(help="Plan, create, start, stop and read experiments.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="print JSON only")]
Id = Annotated[str, typer.Argument(metavar="ID", help="an experiment's id")]
Why = Annotated[str, typer.Option("--why", help="the reason, written into the history")]


@app.command("plan")
def plan_command(
    baseline: Annotated[float, typer.Option(help="control's metric, such as a click rate of 0.1")],
    lift: Annotated[float, typer.Option(help="smallest relative effect to be found, such as 0.05")],
    users_per_day: Annotated[float, typer.Option(help="users first exposed a day, over both arms")],
    impressions_per_user: Annotated[float, typer.Option(min=1.0, help="mean over a user's window, for rates")] = 1.0,
    deviation: Annotated[float | None, typer.Option(help="of a user's influence; default that of a rate")] = None,
    window_days: Annotated[int, typer.Option(min=1, help="days that each user counts")] = 7,
    power: Annotated[float, typer.Option(help="chance to find the effect if it is there")] = 0.8,
    share: Annotated[float, typer.Option(help="share of users in the treatment")] = 0.5,
    as_json: Json = False,
) -> None:
    """How many users and days it takes, looking once at the end and looking every day."""
    spread = deviation if deviation is not None else math.sqrt(max(baseline * (1 - baseline), 0) / impressions_per_user)
    found = plan(
        baseline=baseline,
        lift=lift,
        deviation=spread,
        users_per_day=users_per_day,
        window_days=window_days,
        power=power,
        share=share,
    )
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    typer.echo(f"one look at the end: {found.fixed_users:,} users, {_days(found.days_fixed)}")
    typer.echo(f"looking every day:   {found.sequential_users:,} users, {_days(found.days_sequential)} at the latest")


@app.command("create")
def create(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="the declaration, YAML or JSON")],
    as_json: Json = False,
) -> None:
    """Keep an experiment as a draft."""
    declaration = yaml.safe_load(file.read_text())
    if not isinstance(declaration, dict):
        raise InvalidInputError(str(file), "must hold the fields of one experiment, such as id and arms")
    _print(api.create_experiment(_rooms().experiments, declaration, who=getpass.getuser()), as_json=as_json)


@app.command("start")
def start(
    experiment: Id,
    traffic: Annotated[float | None, typer.Option(help="share of users enrolled at first")] = None,
    as_json: Json = False,
) -> None:
    """Start a draft."""
    there = _rooms()
    _print(api.start_experiment(there.experiments, experiment, who=getpass.getuser(), traffic=traffic), as_json=as_json)


@app.command("stop")
def stop(experiment: Id, why: Why = "by hand", as_json: Json = False) -> None:
    """Stop a running experiment without a decision."""
    _print(api.stop_experiment(_rooms().experiments, experiment, who=getpass.getuser(), why=why), as_json=as_json)


@app.command("list")
def list_command(
    status: Annotated[str | None, typer.Option(help="only those of one status")] = None, as_json: Json = False
) -> None:
    """Every experiment, in the order of starting."""
    found = api.list_experiments(_rooms().experiments, status)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for one in found:
        arms = ", ".join(f"{arm['name']}={arm['release'] or 'champion'}" for arm in one["arms"])
        typer.echo(f"{one['id']:<24} {one['status']:<13} {one['started_at'] or '-':<28} {arms}")


@app.command("show")
def show(
    experiment: Id,
    analyse: Annotated[bool, typer.Option("--analyse", help="look at the lake now, do not wait for the DAG")] = False,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day to look at")] = None,
    html: Annotated[Path | None, typer.Option(help="write the report page there")] = None,
    as_json: Json = False,
) -> None:
    """The state, the history and the newest analysis of an experiment."""
    there = _rooms()
    running = there.experiments.get(experiment)
    if analyse:
        day: date = until.date() if until else jobs.yesterday(there.clock)
        jobs.analyse_experiment(there, experiment, day)
    metrics = api.experiment_metrics(there.experiments, experiment)
    history = [
        {"at": one.at.isoformat(), "who": one.who, "change": one.change}
        for one in there.experiments.history(experiment)
    ]
    if html is not None:
        html.write_text(page(metrics, running.experiment.hypothesis))
    if as_json:
        typer.echo(json.dumps(api.describe(running) | {"metrics": metrics, "history": history}))
        return
    for line in _told(api.describe(running), metrics, history):
        typer.echo(line)


def _told(declared: dict[str, Any], metrics: dict[str, Any], history: list[dict[str, str]]) -> Iterator[str]:
    """What a person wants to know of one experiment, a line each."""
    yield f"{declared['id']}: {declared['kind']}, {declared['status']}, enrolling {declared['enrolled']:.0%} of users"
    if declared["hypothesis"]:
        yield declared["hypothesis"]
    for arm in metrics["arms"]:
        yield (
            f"{arm['name']:<16} {arm['release'] or 'champion':<14} {arm['users']:>9,} users "
            f"{arm['impressions']:>11,} shown {arm['clicks']:>9,} clicked  ctr {arm['ctr']:.4%}  "
            f"converted {arm['conversion_rate']:.4%}  revenue {arm['revenue']:,.2f}"
        )
    for arm_name, one in metrics["comparisons"].items():
        yield f"{arm_name}: {one['metric']} {_change(one)}, CUPED took {one['cuped']['variance_reduction']:.0%}"
        yield from (f"  guardrail {rail['metric']} {rail['state']}: {_change(rail)}" for rail in one["guardrails"])
    yield from (f"  exploration, {one['segment']}: {one['arm']} {_change(one)}" for one in metrics["segments"])
    srm = metrics["comparison"]["srm"]
    yield f"split {'as declared' if srm['ok'] else 'BROKEN'} (p = {srm['p_value']:.3g})"
    yield f"{metrics['decision']['state']}: {metrics['decision']['reason']}"
    yield from (f"{line['at']}  {line['change']} by {line['who']}" for line in history)


def _change(one: dict[str, Any]) -> str:
    low, high = one["lift_interval"]
    known = "no interval yet" if low is None else f"[{low:+.4f}, {high:+.4f}]"
    return f"lift {one['lift']:+.4f} {known}, {one['users']:,} users"


def _rooms() -> jobs.Rooms:
    return jobs.rooms(Settings())


def _print(one: dict[str, Any], *, as_json: bool) -> None:
    typer.echo(
        json.dumps(one) if as_json else f"{one['id']} is {one['status']}, enrolling {one['enrolled']:.0%} of users"
    )


def _days(days: int | None) -> str:
    return "more than ten years" if days is None else f"{days} days"
