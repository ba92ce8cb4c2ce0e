"""``headwater status``."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from cli.stack_session import embedded_stack
from contracts.settings import Settings
from stack.lifecycle import status


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False) -> None:
    """Show every server: running (its health check passes), starting, stopped or failed."""
    rows = status(*embedded_stack(Settings()))
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1))
        return
    typer.echo(f"{'name':22} {'state':9} {'pid':>8}  address")
    for row in rows:
        typer.echo(f"{row.name:22} {row.state:9} {row.pid or '-':>8}  {row.address}")
