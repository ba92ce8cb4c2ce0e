"""``headwater token``: a bearer token of the embedded issuer, alone on stdout."""

import sys
from typing import Annotated

import typer

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from serving.auth.issuer import TOKEN_SECONDS, Issuer
from serving.auth.scopes import ADMIN, DEFAULT_SCOPES, SCOPES
from serving.auth.signing_keys import LONGEST_TOKEN_SECONDS

app = typer.Typer(help="Print a bearer token of the embedded issuer.")


@app.callback(invoke_without_command=True)
def command(
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"Repeatable, or separated by spaces; of {', '.join(SCOPES)}. Default: all but {ADMIN}."),
    ] = None,
    subject: Annotated[str, typer.Option(help="Whom the token speaks for.")] = "headwater-cli",
    seconds: Annotated[
        int, typer.Option(min=1, max=LONGEST_TOKEN_SECONDS, help="How long it is valid.")
    ] = TOKEN_SECONDS,
    rotate_key: Annotated[
        bool, typer.Option("--rotate-key", help="Make a new signing key first; earlier tokens end when they expire.")
    ] = False,
) -> None:
    """Print a bearer token of the embedded issuer, signed with the key in the home folder; no gateway is needed."""
    scopes = [word for one in scope or [] for word in one.replace(",", " ").split()] or list(DEFAULT_SCOPES)
    try:
        settings = Settings()
        issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
        token = issuer.token(subject, scopes, seconds=seconds)
        if rotate_key:
            issuer.keys.rotate()
            token = issuer.token(subject, scopes, seconds=seconds)
        sys.stdout.write(token + "\n")
    except HeadwaterError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
