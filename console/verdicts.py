"""The gate's verdicts, as the daily runs left them."""

import json
from pathlib import Path
from typing import Any

from contracts.errors import NotFoundError
from contracts.settings import Settings
from training.jobs.outputs import VERDICT
from training.jobs.run import open_run, runs_path


def verdict(run_id: str, settings: Settings) -> dict[str, Any] | None:
    """``passed``, ``metric``, ``first``, ``checks`` and ``reasons`` of one run, whose id is that of its release. None
    where the run is gone: a release outlives it."""
    try:
        file: Path = open_run(run_id, settings).output("gate") / VERDICT
    except NotFoundError:
        return None
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def refused(settings: Settings, shown: int) -> list[dict[str, Any]]:
    """The last runs that the gate refused, newest first, with ``run`` and ``data_to`` beside the verdict."""
    folders = sorted(runs_path(settings).glob("r*"), key=lambda path: path.stat().st_mtime, reverse=True)
    found: list[dict[str, Any]] = []
    for folder in folders:
        judged = verdict(folder.name, settings)
        if judged is not None and not judged["passed"] and len(found) < shown:
            found.append({"run": folder.name, "data_to": open_run(folder.name, settings).inputs.data_to} | judged)
    return found
