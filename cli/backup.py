"""``headwater backup`` and ``headwater restore``."""

from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from stack import backup as backups

Folder = Annotated[Path, typer.Argument(help="the folder of the backup")]


def make(folder: Folder) -> None:
    """Write databases, releases, artefacts, keys and rules into a new folder."""
    try:
        made = backups.backup(Settings(), folder)
    except (HeadwaterError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{len(made.files)} files of {made.made_at:%Y-%m-%d %H:%M:%S} UTC are in {folder}")


def restore(
    folder: Folder,
    force: Annotated[bool, typer.Option("--force", help="replace what this installation has")] = False,
) -> None:
    """Put a backup in force. PostgreSQL must run; start the other servers again afterwards."""
    try:
        found = backups.restore(Settings(), folder, force=force)
    except (HeadwaterError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"the backup of {found.made_at:%Y-%m-%d %H:%M:%S} UTC is in force; headwater down and up load it")
