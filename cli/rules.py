"""``headwater rules``: what business rules would do, before they are in force."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.errors import HeadwaterError, InvalidInputError

app = typer.Typer(help="Try business rules on the evaluation users.", no_args_is_help=True)


@app.callback()
def rules() -> None:
    """Try business rules on the evaluation users."""


@app.command("try")
def try_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="rules as YAML")],
    release: Annotated[str, typer.Option(help="release id; default the champion")] = "",
    users: Annotated[int, typer.Option(min=10, max=100_000, help="users asked, at random")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="of all that is drawn")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Print what FILE costs or gains beside the rules in force: NDCG@10, share of new items, diversity, coverage."""
    try:
        found = _try(file, release, users, seed)
    except OSError as error:
        typer.echo(f"{error.filename or file}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error
    except HeadwaterError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, metrics in found.items():
        for metric, value in metrics.items():
            text = (
                f"{value['mean']:.4f}  [{value['lower']:.4f}, {value['upper']:.4f}]"
                if isinstance(value, dict)
                else f"{value:.4f}"
            )
            typer.echo(f"{name:10s} {metric:18s} {text}")


def _try(file: Path, release: str, users: int, seed: int) -> dict[str, dict[str, Any]]:
    from pipeline.rules import parse_rules

    asked = parse_rules(file.read_text())
    import numpy as np

    from contracts.settings import Settings
    from database.engine import connect
    from lake.store import Lake
    from releases.pointers import Pointers
    from releases.store import ReleaseStore
    from serving.gateway.rules_file import RULES, RulesFile
    from training.datasets.sequences import Sequences
    from training.jobs.released import Released
    from training.rankers.rules_trial import try_rules

    settings = Settings()
    chosen = release or Pointers(connect(settings.database_url)).get("champion").release_id
    if chosen is None:
        raise InvalidInputError("--release", "no release is in force yet, run: headwater train")
    directory = ReleaseStore(settings.releases).open(chosen)
    table = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region).read("interactions")
    released = Released.load(directory)
    sequences = Sequences.from_table(table, list(released.artifacts.items.ids))
    enough = np.flatnonzero(sequences.lengths >= 2)
    if not len(enough):
        raise InvalidInputError("interactions", "no user has two actions on items of the release")
    picked = np.random.default_rng(seed).permutation(enough)[:users]
    last = sequences.indptr[picked + 1] - 1
    found = try_rules(
        released,
        [sequences.history(int(u), -1) for u in picked],
        sequences.times[last],
        sequences.rows[last],
        {"in force": RulesFile(settings.home / RULES).read(), "tried": asked},
    )
    return {
        name: {m: v if isinstance(v, float) else asdict(v) for m, v in metrics.items()}
        for name, metrics in found.items()
    }
