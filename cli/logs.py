"""``headwater logs``."""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from cli.stack_session import embedded_stack
from contracts.settings import Settings
from stack.lifecycle import log_files


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A server, as headwater status names it.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last lines.")] = 200,
) -> None:
    """Print the last lines of a server's log."""
    waves, supervisor = embedded_stack(Settings())
    files = log_files(supervisor.run, name, waves)
    if follow:
        try:
            subprocess.run(["tail", "-n", str(lines), "-F", files[-1]], check=False)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None
        return
    found: list[str] = []
    for file in reversed(files):
        found = Path(file).read_text(errors="replace").splitlines() + found
        if len(found) >= lines:
            break
    typer.echo("\n".join(found[-lines:]))
