"""Steps register and promote: the run in MLflow, and as the very last step the pointer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.release import CHALLENGER, CHAMPION
from database.engine import connect
from database.migrate import upgrade
from releases.pointers import Pointers
from releases.promotion import Door
from releases.store import ReleaseStore
from training.evaluation.gate import Check, GateResult
from training.jobs.assemble import PARTS
from training.jobs.outputs import CURVES, VERDICT
from training.jobs.publish import manifest
from training.jobs.run import Run

WHO = "train_daily"


def _verdict(run: Run) -> GateResult:
    stored = json.loads((run.output("gate") / VERDICT).read_text())
    checks = tuple(Check(**check) for check in stored["checks"])
    return GateResult(stored["passed"], stored["metric"], stored["first"], checks)


def _curves(run: Run) -> dict[str, list[tuple[int, float]]]:
    curves: dict[str, list[tuple[int, float]]] = {}
    for part in PARTS:
        for path in sorted(run.output(part).glob(CURVES)):
            model = path.stem.removeprefix("curves-")
            for name, points in json.loads(path.read_text()).items():
                curves[f"{model}/{name}".replace(" ", "_")] = [(int(step), float(value)) for step, value in points]
    return curves


def _register(run: Run, release_dir: Path, *, shipped: bool) -> Mapping[str, Any]:
    from training.registration.tracking import RunLog, register

    parameters = {"budget_seconds": run.inputs.budget_seconds, **run.inputs.settings}
    log = RunLog(parameters=parameters, curves=_curves(run), gate=_verdict(run))
    now = run.settings.now()()
    registered = register(run.settings.mlflow_url, manifest(run), release_dir, log, now=now, publish=shipped)
    return {"mlflow_run": registered.run_id, "version": registered.version}


def register(run: Run, out: Path) -> Mapping[str, Any]:
    """Logs the run in MLflow and makes the model version. Report: mlflow_run, version."""
    del out
    return _register(run, ReleaseStore(run.settings.releases).open(run.id), shipped=True)


def refused(run: Run, out: Path) -> Mapping[str, Any]:
    """Logs a candidate that the gate refused, with its numbers; the champion stays. Report: reasons, mlflow_run."""
    del out
    logged = _register(run, run.output("assemble") / "release", shipped=False)
    return {"reasons": run.report("gate")["reasons"], **logged}


def promote(run: Run, out: Path) -> Mapping[str, Any]:
    """Moves the pointer: to champion or, where challengers are tried in experiments, to challenger once there is a
    champion; while another challenger is tried, neither. Report: champion, challenger, changed, warnings (what MLflow's
    aliases could not show)."""
    del out
    settings = run.settings
    upgrade(settings.database_url)
    engine = connect(settings.database_url)
    try:
        pointers = Pointers(engine, settings.now())
        door = Door(ReleaseStore(settings.releases), pointers, settings.home / "models", settings.mlflow_url)
        why = "; ".join(run.report("gate")["checks"])[:1000]
        operation, held = f"train:{run.id}", pointers.all()
        if not settings.challenger_experiment or held[CHAMPION].release_id in (None, run.id):
            moved = door.promote(run.id, who=WHO, why=why, operation=operation)
        elif held[CHALLENGER].release_id is None:
            moved = door.challenge(run.id, who=WHO, why=why, operation=operation)
        else:
            moved = door.mirrored(changed=False)
    finally:
        engine.dispose()
    pointed = {"champion": moved.champion.release_id, "challenger": moved.challenger.release_id}
    return pointed | {"changed": moved.changed, "warnings": moved.warnings}
