"""``headwater import``: data into the lake."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from lake.importing import ImportReport, import_path
from lake.mapping import read_mapping
from lake.store import Lake


def command(
    path: Annotated[Path, typer.Argument(help="a MovieLens zip or folder, a folder or zip of tables, or one file")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="YAML that names the columns of an existing warehouse table, see above")
    ] = None,
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="move all times so that the last interaction is now")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Import interactions, items, users and impressions into the lake.

    PATH holds one file a table, named after it (interactions.csv, items.parquet, users.jsonl, impressions.csv; only
    interactions is required), as Parquet, CSV (comma, semicolon, tab or bar) or JSON Lines; or MovieLens in one of its
    own layouts. Rows that break the contract are put aside in table quarantine, with reason, field and line. The same
    file twice changes nothing; a grown file adds its new rows.

    --map FILE names source columns (and values, and files) where they differ:

        interactions: {user_id: customer, item_id: sku, timestamp: created, action: kind}
        items: {item_id: sku, category: departments}
        values: {action: {buy: purchase, detail: view}}
        files: {interactions: orders-2026.parquet}
    """
    settings = Settings()
    lake = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)
    try:
        report = import_path(
            lake,
            path,
            clock=settings.now(),
            mapping=read_mapping(map_file) if map_file else None,
            shift_to_now=shift_to_now,
            future_seconds=settings.event_future_seconds,
            progress=_progress,
        )
    except (HeadwaterError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        json.dump(asdict(report), sys.stdout)
        typer.echo()
    else:
        _print(report)


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _print(report: ImportReport) -> None:
    if report.repeated:
        typer.echo("imported before: nothing changed")
    for name, counts in sorted(report.tables.items()):
        refused = sum(counts.quarantined.values())
        typer.echo(
            f"{name}: {counts.accepted} accepted ({counts.inserted} new, {counts.duplicates} known already), "
            f"{refused} quarantined"
        )
        for reason, number in counts.quarantined.items():
            typer.echo(f"  {reason}: {number}")
    if report.shifted_seconds:
        typer.echo(f"times shifted by {report.shifted_seconds:.0f} s")
