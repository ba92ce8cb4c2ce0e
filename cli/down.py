"""``headwater down``."""

import typer

from cli.stack_session import embedded_stack
from contracts.settings import Settings
from stack.lifecycle import down


def command() -> None:
    """Stop the embedded stack. No process and no lock is left; data stays."""
    waves, supervisor = embedded_stack(Settings())
    stopped = down(waves, supervisor, lambda line: typer.echo(line, err=True))
    typer.echo("The stack is down." if stopped else "The stack was not up.", err=True)
