"""``headwater lake``: look at the tables and take one out."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from lake.exporting import EXPORTED, export_table, summary
from lake.store import Lake

app = typer.Typer(no_args_is_help=True, help="The tables of the lake.")


def _lake() -> Lake:
    settings = Settings()
    return Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)


@app.command("list")
def list_tables(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Tables with their rows, files and days."""
    try:
        found = summary(_lake())
    except (HeadwaterError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        json.dump(found, sys.stdout)
        typer.echo()
        return
    typer.echo(f"{'table':<14} {'rows':>12} {'files':>7} {'days':>6}  first day   last day")
    for line in found:
        typer.echo(
            f"{line['table']:<14} {line['rows']:>12} {line['files']:>7} {line['days']:>6}  "
            f"{line['first_day'] or '-':<10}  {line['last_day'] or '-'}"
        )


@app.command()
def export(
    table: Annotated[str, typer.Argument(help=f"one of {', '.join(EXPORTED)}, or a derived table")],
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write")],
) -> None:
    """Write one Parquet file of a table as readers see it."""
    try:
        rows = export_table(_lake(), table, out)
    except (HeadwaterError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{rows} rows of {table} written to {out}")
