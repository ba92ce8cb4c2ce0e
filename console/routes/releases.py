"""Releases with what they were measured at, and the pointers, moved through the door of ``headwater release``."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from console import verdicts
from console.access import Admin, ConsoleOf, Reader
from contracts.release import CHALLENGER, CHAMPION, Manifest
from contracts.settings import Settings
from releases.promotion import Moved

router = APIRouter(prefix="/api")

REFUSED_SHOWN = 3
AUDIT_SHOWN = 20


class Change(BaseModel):
    """Why a pointer moves, and the revision of the champion that the person who decided saw."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=500)
    seen: int = Field(ge=0)


@router.get("/pointers")
def pointers(console: ConsoleOf, _: Reader) -> dict[str, Any]:
    """Where the pointers stand, what a rollback would return to, and the last moves."""
    held = console.door.pointers
    now = held.all()
    return {
        "champion": now[CHAMPION].release_id,
        "challenger": now[CHALLENGER].release_id,
        "revision": now[CHAMPION].revision,
        "previous": held.previous_champion(),
        "audit": [asdict(line) for line in held.audit(AUDIT_SHOWN)],
    }


@router.get("/releases")
def releases(
    console: ConsoleOf,
    _: Reader,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> dict[str, Any]:
    """The newest first, each with its gate's verdict; those that cannot be read; the last runs that were refused."""
    store, settings = console.door.store, console.settings
    found = store.list()[::-1]
    return {
        "rows": [_row(manifest, settings) for manifest in found[offset : offset + limit]],
        "total": len(found),
        "offset": offset,
        "broken": store.unreadable(),
        "refused": verdicts.refused(settings, REFUSED_SHOWN),
    }


@router.get("/releases/{release_id}")
def release(console: ConsoleOf, _: Reader, release_id: str) -> dict[str, Any]:
    """One release."""
    return _row(console.door.store.manifest(release_id), console.settings)


@router.post("/releases/{release_id}/promote")
def promote(console: ConsoleOf, caller: Admin, release_id: str, change: Change) -> dict[str, Any]:
    """Makes a release the champion, unless the pointer has moved since it was looked at."""
    return _moved(console.door.promote(release_id, who=caller.subject, why=change.why, seen=change.seen))


@router.post("/rollback")
def rollback(console: ConsoleOf, caller: Admin, change: Change) -> dict[str, Any]:
    """Returns to the champion before, unless the pointer has moved since it was looked at."""
    return _moved(console.door.rollback(who=caller.subject, why=change.why, seen=change.seen))


def _row(manifest: Manifest, settings: Settings) -> dict[str, Any]:
    shown = manifest.model_dump(mode="json", exclude={"files", "features", "ranking_features"})
    return shown | {"gate": verdicts.verdict(manifest.id, settings)}


def _moved(moved: Moved) -> dict[str, Any]:
    return {"champion": moved.champion.release_id, "changed": moved.changed, "warnings": moved.warnings}
