"""``headwater evaluate``: trains on a data set and says how well each model ranks."""

import json
import re
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from contracts.errors import HeadwaterError

PROTOCOLS = ("leave-last-out", "given-split")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def command(
    data: Annotated[
        Path | None, typer.Argument(metavar="DATA", help="MovieLens zip, folder of tables, or one interactions file")
    ] = None,
    protocol: Annotated[str, typer.Option(help="leave-last-out or given-split")] = "leave-last-out",
    train: Annotated[Path | None, typer.Option(help="training interactions of given-split")] = None,
    test: Annotated[Path | None, typer.Option(help="test interactions of given-split")] = None,
    cold: Annotated[bool, typer.Option("--cold", help="hold out users and items that training never sees")] = False,
    k: Annotated[str, typer.Option("--k", help="list lengths")] = "10,20,100,1000",
    models: Annotated[str, typer.Option(help="all, or some, with commas")] = "all",
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="of all that is drawn")] = 7,
    budget: Annotated[str, typer.Option(help="training time for all models, like 90s, 15m or 1h")] = "15m",
    json_file: Annotated[Path | None, typer.Option("--json", help="write the result here ('-': stdout)")] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map", help="YAML that names other columns, as import takes")
    ] = None,
) -> None:
    """Train on the train part, rank all items that a user has not met, and print a row for each model."""
    ks, seconds = _lengths(k), _seconds(budget)
    if protocol not in PROTOCOLS:
        raise typer.BadParameter(f"{protocol!r} is not one of {', '.join(PROTOCOLS)}", param_hint="--protocol")
    pair = train is not None or test is not None
    if pair and protocol == "leave-last-out":
        protocol = "given-split"
    if protocol == "given-split" and (train is None or test is None):
        raise typer.BadParameter("given-split needs both --train FILE and --test FILE", param_hint="--protocol")
    if protocol == "given-split" and cold:
        raise typer.BadParameter("--cold makes its own split of DATA", param_hint="--cold")
    if protocol == "leave-last-out" and data is None:
        raise typer.BadParameter("name a MovieLens zip, a folder of tables or a file", param_hint="DATA")
    try:
        result = _evaluate(data, train, test, cold, map_file, ks=ks, models=models, seed=seed, budget_seconds=seconds)
        text = json.dumps(result, indent=2) + "\n"
        if json_file is not None and str(json_file) != "-":
            json_file.write_text(text)
    except HeadwaterError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        raise typer.Exit(1) from error
    if json_file is not None and str(json_file) == "-":
        typer.echo(text, nl=False)
    else:
        _show(result, ks)


def _lengths(text: str) -> list[int]:
    try:
        ks = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no list of whole numbers like 10,100", param_hint="--k") from error
    if ks[0] < 1:
        raise typer.BadParameter(f"{ks[0]} is below 1", param_hint="--k")
    return ks


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not match or not float(match[1]):
        raise typer.BadParameter(f"{text!r} is no time like 90s, 15m or 1h", param_hint="--budget")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def _evaluate(
    data: Path | None, train: Path | None, test: Path | None, cold: bool, map_file: Path | None, **given: Any
) -> dict[str, Any]:
    from lake.mapping import read_mapping
    from training.datasets.files import read_tables
    from training.datasets.items import ItemTable
    from training.datasets.sequences import Sequences
    from training.protocols.cold import cold as cold_split
    from training.protocols.given_split import given_split
    from training.protocols.leave_last_out import leave_last_out
    from training.protocols.run import run

    started = time.monotonic()

    def progress(line: str) -> None:
        typer.echo(f"[{time.monotonic() - started:6.0f} s] {line}", err=True)

    mapping = read_mapping(map_file) if map_file is not None else None
    if train is not None and test is not None:
        parts = [read_tables(path, mapping=mapping, progress=progress) for path in (train, test)]
        extra = read_tables(data, mapping=mapping, progress=progress).items if data is not None else None
        items_table = extra if extra is not None else parts[0].items
        split = given_split(parts[0].interactions, parts[1].interactions, items_table)
        name = train.name
    else:
        assert data is not None
        tables = read_tables(data, mapping=mapping, progress=progress)
        sequences = Sequences.from_table(tables.interactions)
        items = (
            ItemTable.bare(sequences.item_ids)
            if tables.items is None
            else ItemTable.from_table(tables.items, sequences.item_ids)
        )
        split = cold_split(sequences, items, given["seed"]) if cold else leave_last_out(sequences, items)
        name = data.name
    progress(
        f"{name}: {len(split):,} test users, {split.train.items:,} items, {len(split.train):,} actions to train on"
    )
    found = run(split, **given, progress=progress)
    return {
        "dataset": name,
        "protocol": found.protocol,
        "users": found.users,
        "items": found.items,
        "models": found.models,
        "reasons": found.reasons,
        "segments": found.segments,
    }


def _show(result: dict[str, Any], ks: list[int]) -> None:
    """The table, on stdout, as wide as it needs to be."""
    columns = [f"{name}@{k}" for k in ks for name in ("recall", "ndcg", "hit_rate", "coverage")]
    there = [c for c in columns if any(row and c in row for row in result["models"].values())]
    title = f"{result['dataset']}, {result['protocol']}: {result['users']:,} users, {result['items']:,} items"
    table = Table("model", *there, "seconds", title=title, title_justify="left")
    for name, row in result["models"].items():
        if row is None:
            table.add_row(name, *["–"] * (len(there) + 1))
        else:
            table.add_row(name, *[f"{row[c]:.4f}" if c in row else "–" for c in there], f"{row['seconds']:.1f}")
    console = Console(width=max(24 + 16 * (len(there) + 1), 60))
    console.print(table)
    for name, segment in result["segments"].items():
        values = ", ".join(f"{model} {row[f'ndcg@{ks[0]}']:.4f}" for model, row in segment["models"].items())
        console.print(f"{name} ({segment['users']:,} users) ndcg@{ks[0]}: {values}", highlight=False)
    for name, reason in result["reasons"].items():
        console.print(f"{name}: {reason}", highlight=False)
