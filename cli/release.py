"""``headwater release``: the only way for a person to move a pointer."""

import getpass
import json
from typing import Annotated, Any

import typer

from contracts.release import CHALLENGER, CHAMPION, Manifest
from contracts.settings import Settings
from database.engine import connect
from database.migrate import upgrade
from releases.pointers import Pointers
from releases.promotion import Door, Moved
from releases.store import DamagedReleaseError, ReleaseStore

app = typer.Typer(help="List, show, promote and roll back releases.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="print JSON only")]
Why = Annotated[str, typer.Option("--why", help="the reason, written into the audit")]
Id = Annotated[str, typer.Argument(metavar="ID", help="a release id, as headwater release list prints it")]


def door(settings: Settings) -> Door:
    """The door to the releases that ``settings`` name; the schema is brought up to date first."""
    upgrade(settings.database_url)
    pointers = Pointers(connect(settings.database_url), settings.now())
    return Door(ReleaseStore(settings.releases), pointers, settings.home / "models", settings.mlflow_url)


def summary(manifest: Manifest, roles: list[str]) -> dict[str, Any]:
    """One line of the list."""
    return {
        "id": manifest.id,
        "roles": roles,
        "created_at": manifest.created_at.isoformat(),
        "data_from": manifest.data_from.isoformat(),
        "data_to": manifest.data_to.isoformat(),
        "git_commit": manifest.git_commit,
        "items": manifest.items,
        "parent": manifest.parent,
        "state": "whole",
    }


@app.command("list")
def list_releases(as_json: Json = False) -> None:
    """Every release, oldest first, and which is champion and challenger."""
    there = door(Settings())
    pointers = there.pointers.all()
    held = {name: pointers[name].release_id for name in (CHAMPION, CHALLENGER)}
    rows = [
        summary(manifest, [name for name, release_id in held.items() if release_id == manifest.id])
        for manifest in there.store.list()
    ]
    broken = there.store.unreadable()
    rows += [{"id": release_id, "roles": [], "state": fault} for release_id, fault in broken.items()]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        typer.echo("no release yet; headwater train makes one", err=True)
    for row in rows:
        typer.echo(
            f"{row['id']}  {row.get('created_at', '-'):<32}  {','.join(row['roles']) or '-':<20}  "
            f"{row.get('items', '-'):>8} items  {row['state']}"
        )


@app.command("show")
def show(release_id: Id, as_json: Json = False) -> None:
    """The manifest of a release, whether its files are whole, and the moves that touched it."""
    there = door(Settings())
    manifest = there.store.manifest(release_id)
    state = "whole"
    try:
        there.store.verify(release_id)
    except DamagedReleaseError as error:
        state = str(error)
    roles = [name for name, pointer in there.pointers.all().items() if pointer.release_id == release_id]
    audit = [
        line.__dict__ | {"at": line.at.isoformat()}
        for line in there.pointers.audit()
        if release_id in (line.from_release, line.to_release)
    ]
    answer = {"roles": roles, "state": state, "manifest": manifest.model_dump(mode="json"), "audit": audit}
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for name, value in {"roles": ",".join(roles) or "-", "state": state, **manifest.model_dump(mode="json")}.items():
        if name != "files":
            typer.echo(f"{name:<18} {json.dumps(value) if isinstance(value, (dict, list)) else value}")
    for line in audit:
        typer.echo(
            f"{line['at']}  {line['kind']} {line['pointer']}: {line['from_release'] or '-'} → "
            f"{line['to_release'] or '-'} by {line['who']}: {line['why']}"
        )


@app.command("promote")
def promote(release_id: Id, why: Why = "by hand", as_json: Json = False) -> None:
    """Make a release the champion. Refused when any of its files is missing or damaged."""
    moved = door(Settings()).promote(release_id, who=getpass.getuser(), why=why)
    report(moved, as_json=as_json)


@app.command("rollback")
def rollback(why: Why = "by hand", as_json: Json = False) -> None:
    """Return to the champion before the present one."""
    moved = door(Settings()).rollback(who=getpass.getuser(), why=why)
    report(moved, as_json=as_json)


@app.command("audit")
def audit(limit: Annotated[int, typer.Option(min=1, help="newest moves shown")] = 20, as_json: Json = False) -> None:
    """The last moves: who, when, why, from where to where."""
    lines = door(Settings()).pointers.audit(limit)
    if as_json:
        typer.echo(json.dumps([line.__dict__ | {"at": line.at.isoformat()} for line in lines]))
        return
    for line in lines:
        typer.echo(
            f"{line.at.isoformat()}  {line.kind} {line.pointer}: {line.from_release or '-'} → "
            f"{line.to_release or '-'} by {line.who}: {line.why}"
        )


def report(moved: Moved, *, as_json: bool) -> None:
    """Prints where the pointers stand after a move, warnings on stderr."""
    for warning in moved.warnings:
        typer.echo(warning, err=True)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "champion": moved.champion.release_id,
                    "challenger": moved.challenger.release_id,
                    "revision": moved.champion.revision,
                    "changed": moved.changed,
                    "warnings": moved.warnings,
                }
            )
        )
        return
    verb = "is now" if moved.changed else "was already"
    typer.echo(f"champion {verb} {moved.champion.release_id} (revision {moved.champion.revision})")
