"""``headwater up``."""

import typer

from cli.stack_session import embedded_stack
from contracts.settings import Settings
from stack.lifecycle import up
from stack.servers.airflow import LOGIN


def command() -> None:
    """Start the embedded stack, or what of it does not run; quick when all of it is up."""
    settings = Settings()
    waves, supervisor = embedded_stack(settings)
    if not up(waves, supervisor, settings.bind, lambda line: typer.echo(line, err=True)):
        typer.echo("The stack is up already.", err=True)
    for wave in waves:
        for server in wave:
            typer.echo(f"{server.name:22} {server.address}")
    typer.echo(f"Airflow's login is {LOGIN[0]} / {LOGIN[1]}.")
