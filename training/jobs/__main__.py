"""``python -m training.jobs STEP RUN``: one step in a process of its own, so that its memory returns.

``plan`` instead of a step takes options and prints the run's id; a step prints its report as JSON.
"""

import json
import sys
from typing import Annotated

import typer

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from training.jobs.steps import BY_NAME, run_step

app = typer.Typer(add_completion=False, help="Steps of the daily training run.")


@app.command()
def plan(
    date: Annotated[str | None, typer.Option(help="YYYY-MM-DD, or a moment in ISO 8601; default now")] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    budget: Annotated[int | None, typer.Option(help="seconds for the two-tower")] = None,
) -> None:
    """Names a run and prints its id."""
    from training.jobs.plan import plan as plan_run

    try:
        typer.echo(plan_run(Settings(), date=date, seed=seed, budget_seconds=budget).id)
    except HeadwaterError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@app.command()
def step(
    name: Annotated[str, typer.Argument(help=f"one of {', '.join(BY_NAME)}")],
    run: Annotated[str, typer.Argument(help="the run's id")],
) -> None:
    """Performs one step and prints its report."""
    if name not in BY_NAME:
        typer.echo(f"there is no step {name!r}; choose one of {', '.join(BY_NAME)}", err=True)
        raise typer.Exit(2)
    try:
        json.dump(run_step(run, name), sys.stdout)
    except HeadwaterError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
