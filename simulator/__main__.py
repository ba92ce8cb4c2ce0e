"""``python -m simulator generate OUT`` and ``python -m simulator traffic``."""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from contracts.errors import HeadwaterError, InvalidInputError, NotFoundError
from contracts.settings import Settings
from serving.auth.issuer import TOKEN_SECONDS, Issuer
from simulator.settings import WorldSettings
from simulator.tables import load_world, write_tables
from simulator.traffic import Traffic
from simulator.visitors import Visitors
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


@app.command()
def traffic(
    world: Annotated[Path | None, typer.Argument(help="folder of the world; default the newest of the demo")] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="events a second, in all")] = 20.0,
    seconds: Annotated[float, typer.Option(min=1, help="how long")] = 60.0,
    home: Annotated[Path | None, typer.Option(help="home of the stack; default HEADWATER_HOME")] = None,
    url: Annotated[str, typer.Option(help="address of the gateway; default that of the settings")] = "",
    token: Annotated[str, typer.Option(help="bearer token; default one of the embedded issuer")] = "",
    seed: Annotated[int, typer.Option(help="who comes, and what they do")] = 7,
) -> None:
    """Lets the people of a world ask for recommendations, click, buy and browse, through the gateway."""
    settings = Settings(home=home) if home else Settings()
    try:
        folder = world or _newest_world(settings.home)
        if not (folder / "truth" / "world.json").exists():
            raise NotFoundError(f"{folder} holds no simulated world: make one with python -m simulator generate")
        typer.echo(f"building the world of {folder}", err=True)
        visitors = Visitors(load_world(folder), np.random.default_rng(seed))
        host = "127.0.0.1" if settings.bind == "0.0.0.0" else settings.bind
        address = url or f"http://{host}:{settings.gateway_port}"
        sender = Traffic(address, (lambda: token) if token else _own_tokens(settings), visitors, rate)
        counts = sender.run(seconds, lambda line: typer.echo(line, err=True))
    except (HeadwaterError, OSError) as error:
        typer.echo(f"{error}", err=True)
        raise typer.Exit(1) from error
    json.dump(counts.as_json(), sys.stdout)
    typer.echo()


def _newest_world(home: Path) -> Path:
    """The world that ``headwater demo`` made last. Raises NotFoundError when there is none."""
    found = sorted(home.glob("simulated/*/truth/world.json"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise NotFoundError(f"{home} holds no simulated world: name the folder of one")
    return found[-1].parent.parent


def _own_tokens(settings: Settings) -> Callable[[], str]:
    """Tokens of the embedded issuer, a new one at half the life of the last."""
    issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
    held: list[tuple[float, str]] = []

    def token() -> str:
        if not held or time.monotonic() - held[-1][0] > TOKEN_SECONDS / 2:
            held[:] = [(time.monotonic(), issuer.token("simulator"))]
        return held[-1][1]

    return token


if __name__ == "__main__":
    app()
