"""``python -m simulator generate OUT``."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import HeadwaterError, InvalidInputError
from contracts.settings import Settings
from simulator.settings import WorldSettings
from simulator.tables import write_tables
from simulator.world import World

app = typer.Typer(add_completion=False, help="A simulated world of users and items, to test in.")


def parse_end(text: str) -> float:
    """``now`` (by the clock of the settings) or an ISO 8601 time, as epoch seconds. Raises InvalidInputError."""
    if text == "now":
        return Settings().now()()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError("--end", f"{text!r} is neither 'now' nor an ISO 8601 time") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@app.callback()
def main() -> None:
    """A simulated world of users and items, to test in."""


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(help="folder for the tables and truth/")],
    users: Annotated[int, typer.Option(help="1,000 to 200,000 are sensible")] = 20_000,
    items: Annotated[int, typer.Option(help="500 to 100,000 are sensible")] = 10_000,
    days: Annotated[int, typer.Option()] = 30,
    seed: Annotated[int, typer.Option(help="the same seed gives the same world")] = 7,
    end: Annotated[str, typer.Option(help="'now' or an ISO 8601 time at which the days end")] = "now",
    drift: Annotated[float, typer.Option(help="how fast tastes turn; 0 never")] = 1.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="nothing changes: no drift, no new items, no ageing")] = False,
    shift_day: Annotated[int | None, typer.Option(help="day on which tastes and appeal change at one blow")] = None,
    bots: Annotated[float, typer.Option(help="share of accounts that are bots")] = 0.01,
) -> None:
    """Writes interactions, impressions, items and users as Parquet files, and the truth beside them."""
    began = time.monotonic()
    try:
        settings = WorldSettings(users, items, days, seed, parse_end(end), drift, quiet, shift_day, bots)
        counts = write_tables(World(settings), out, lambda line: typer.echo(line, err=True))
    except (HeadwaterError, OSError) as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"took {time.monotonic() - began:.1f} s", err=True)
    json.dump(counts, sys.stdout)
    typer.echo()


if __name__ == "__main__":
    app()
