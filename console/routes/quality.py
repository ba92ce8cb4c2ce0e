"""The data's quality: what was refused, dropped or changed late, and the reports about it."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import ValidationError

from console.access import ConsoleOf, Reader
from console.routes.pages import data_docs, reports
from contracts.clock import utc
from contracts.drift import DriftReport, latest
from contracts.errors import HeadwaterError

router = APIRouter(prefix="/api/quality")

SHOWN = 10


@router.get("/quarantine")
def quarantine(console: ConsoleOf, _: Reader) -> list[dict[str, Any]]:
    """Rows that broke their contract, by table and reason."""
    return console.quality.quarantined()


@router.get("/quarantine/examples")
def examples(
    console: ConsoleOf, _: Reader, table: Annotated[str, Query()], reason: Annotated[str, Query()]
) -> list[dict[str, Any]]:
    """Some of them as they came."""
    return console.quality.examples(table, reason)


@router.get("/dropped")
def dropped(console: ConsoleOf, _: Reader) -> list[dict[str, Any]]:
    """Interactions that the daily runs left out, by run and rule."""
    return console.quality.dropped()


@router.get("/dirty-days")
def dirty_days(console: ConsoleOf, _: Reader) -> list[dict[str, Any]]:
    """Days that got rows after they had ended."""
    return console.quality.dirty_days()


@router.get("/drift")
def drift(console: ConsoleOf, _: Reader) -> DriftReport | None:
    """The newest drift report, null before the first."""
    file = latest(console.settings.home)
    try:
        return DriftReport.model_validate_json(file.read_text()) if file.is_file() else None
    except ValidationError as error:
        raise HeadwaterError(f"{file} is not understood; run monitor_drift again") from error


@router.get("/reports")
def written(console: ConsoleOf, _: Reader) -> dict[str, Any]:
    """The newest pages of Great Expectations and of the weekly reports."""
    return {
        "validations": _newest(data_docs(console.settings.home), "validations/**/*.html"),
        "pages": _newest(reports(console.settings.home), "*/*.html"),
    }


def _newest(root: Path, pattern: str) -> list[dict[str, Any]]:
    """The last written of ``pattern`` under ``root``: ``path`` below it, and ``at``."""
    found = sorted(((path.stat().st_mtime, path) for path in root.glob(pattern)), reverse=True)[:SHOWN]
    return [{"path": path.relative_to(root).as_posix(), "at": utc(at)} for at, path in found]
