"""``headwater traffic``: real events through the public interface, so that every page has something to show."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from contracts.errors import NotFoundError
from contracts.settings import Settings
from lake.store import Lake
from serving.auth.issuer import TOKEN_SECONDS, Issuer
from simulator.recorded import Recorded
from simulator.tables import load_world
from simulator.traffic import People, Traffic
from simulator.visitors import Visitors


def command(
    world: Annotated[
        Path | None, typer.Argument(help="Folder of a simulated world; default that of the demo, else imported data.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Events a second, in all.")] = 20.0,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long; default until Ctrl-C.")] = math.inf,
    seed: Annotated[int, typer.Option(help="Who comes, and what they do.")] = 7,
) -> None:
    """Let people ask for recommendations, click, buy and browse, through the gateway: those of the simulated world, or
    else the users of the imported data, who do again what they did last."""
    settings = Settings()
    sender = Traffic(settings.gateway_url, _own_tokens(settings), _people(settings, world, seed), rate)
    try:
        sender.run(minutes * 60, lambda line: typer.echo(line, err=True))
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
    typer.echo(json.dumps(sender.counts.as_json()))


def _people(settings: Settings, world: Path | None, seed: int) -> People:
    """The people of ``world``, of the world that the demo made last, or of the lake. Raises NotFoundError."""
    randomness = np.random.default_rng(seed)
    made = sorted(settings.home.glob("simulated/*/truth/world.json"), key=lambda file: file.stat().st_mtime)
    folder = world or (made[-1].parent.parent if made else None)
    if folder is None:
        typer.echo("reading what users did last from the lake", err=True)
        return Recorded(Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region), randomness)
    if not (folder / "truth" / "world.json").exists():
        raise NotFoundError(f"{folder} holds no simulated world: make one with python -m simulator generate")
    typer.echo(f"building the world of {folder}", err=True)
    return Visitors(load_world(folder), randomness)


def _own_tokens(settings: Settings) -> Callable[[], str]:
    """Tokens of the embedded issuer, a new one at half the life of the last."""
    issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
    held: list[tuple[float, str]] = []

    def token() -> str:
        if not held or time.monotonic() - held[-1][0] > TOKEN_SECONDS / 2:
            held[:] = [(time.monotonic(), issuer.token("traffic"))]
        return held[-1][1]

    return token
