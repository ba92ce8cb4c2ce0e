"""The command ``headwater``: one thin file a verb, imported only when that verb is used."""

import importlib
from dataclasses import dataclass
from typing import Any, Final

import typer
from pydantic import ValidationError
from typer.core import TyperCommand, TyperGroup

from contracts.errors import HeadwaterError


@dataclass(frozen=True)
class Verb:
    """Where a verb lives (``module:attribute``, a Typer app or a function) and its line in ``headwater --help``."""

    target: str
    help: str
    extra_arguments: bool = False


VERBS: Final = {
    "up": Verb("cli.up:command", "Start the embedded stack, or what of it does not run."),
    "down": Verb("cli.down:command", "Stop the embedded stack; data stays."),
    "status": Verb("cli.status:command", "Show every server of the stack."),
    "logs": Verb("cli.logs:command", "Print the log of a server."),
    "demo": Verb("cli.demo:command", "Start, import, train, serve, and print a recommendation."),
    "import": Verb("cli.import_:command", "Import a MovieLens zip or a folder of tables into the lake."),
    "lake": Verb("cli.lake:app", "Look into the lake."),
    "train": Verb("cli.train:command", "Run the daily training and follow it."),
    "evaluate": Verb("cli.evaluate:command", "Train and rank every model on a data set."),
    "release": Verb("cli.release:app", "List, show, promote and roll back releases."),
    "token": Verb("cli.token:app", "Print a bearer token of the embedded issuer."),
    "stream": Verb("cli.stream:app", "Run the lake sink, replay events, look at dead letters."),
    "traffic": Verb("cli.traffic:command", "Keep events flowing: people of the demo who ask, click and buy."),
    "replay": Verb("cli.replay:command", "Serve a day's requests again by another release."),
    "experiment": Verb("cli.experiment:app", "Plan, create, start, stop and read experiments."),
    "rules": Verb("cli.rules:app", "Try business rules on logged requests."),
    "backup": Verb("cli.backup:make", "Write what cannot be rebuilt into a new folder."),
    "restore": Verb("cli.backup:restore", "Put a backup in force."),
    "bench": Verb("cli.bench:command", "Run a benchmark.", extra_arguments=True),
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are used, not when they are listed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs, in the order of a first walk through the product."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """A verb as it is listed: its name and its line of help."""
        del ctx
        verb = VERBS.get(cmd_name)
        return None if verb is None else TyperCommand(cmd_name, help=verb.help)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """A verb as it is used: imported now."""
        verb = VERBS.get(args[0])
        return super().resolve_command(ctx, args) if verb is None else (args[0], load(args[0], verb), args[1:])

    def invoke(self, ctx: Any) -> Any:
        """Exit status 1 with a sentence on stderr for what failed, 2 for a setting that is wrong."""
        try:
            return super().invoke(ctx)
        except HeadwaterError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
        except ValidationError as error:
            if error.title != "Settings":
                raise
            first = error.errors()[0]
            typer.echo(f"HEADWATER_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}", err=True)
            raise typer.Exit(2) from error


def load(name: str, verb: Verb) -> Any:
    """The command behind a verb: that of a Typer app, or one made of a function."""
    module, _, attribute = verb.target.partition(":")
    found: Any = getattr(importlib.import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        context = {"allow_extra_args": True, "ignore_unknown_options": True} if verb.extra_arguments else None
        single.command(name, help=found.__doc__, context_settings=context)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    help="A DAG-first recommendation platform: daily training, online serving, a real-time stream, experiments.",
)


@app.callback()
def root() -> None:
    """Needed by Typer for a group whose commands come later."""
