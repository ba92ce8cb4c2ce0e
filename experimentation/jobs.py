"""The steps of the DAG ``analyze_experiments``: analyse one day, then carry out what was decided. Both idempotent."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from contracts.clock import Clock, utc
from contracts.errors import NotFoundError
from contracts.experiment import RunningExperiment, Status
from contracts.release import CHALLENGER, CHAMPION
from contracts.settings import Settings
from database.engine import connect
from database.migrate import upgrade
from experimentation.aggregation import Resources, observe
from experimentation.analysis import analyse, metrics, windows
from experimentation.decision import ENDS, Verdict
from experimentation.store import Experiments
from lake.store import Lake
from releases.pointers import Pointers
from releases.promotion import Door
from releases.store import DamagedReleaseError, ReleaseStore

WHO = "analyze_experiments"

STATUS_OF = {
    Verdict.PROMOTE: Status.PROMOTED,
    Verdict.ROLLBACK: Status.ROLLED_BACK,
    Verdict.FUTILE: Status.FUTILE,
    Verdict.INCONCLUSIVE: Status.INCONCLUSIVE,
}


@dataclass(frozen=True)
class Rooms:
    """What the jobs work with."""

    experiments: Experiments
    lake: Lake
    door: Door
    clock: Clock
    resources: Resources


def rooms(settings: Settings) -> Rooms:
    """Opens what ``settings`` name; the schema is brought up to date first."""
    upgrade(settings.database_url)
    engine, clock = connect(settings.database_url), settings.now()
    spill: Path = settings.home / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    return Rooms(
        Experiments(engine, clock),
        Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region),
        Door(ReleaseStore(settings.releases), Pointers(engine, clock), settings.home / "models", settings.mlflow_url),
        clock,
        Resources(spill=spill),
    )


def yesterday(clock: Clock) -> date:
    """The last complete UTC day."""
    return utc(clock()).date() - timedelta(days=1)


def running_ids(there: Rooms) -> list[str]:
    """The experiments that run now."""
    return [one.experiment.id for one in there.experiments.list(Status.RUNNING)]


def analyse_experiment(there: Rooms, experiment_id: str, until: date) -> dict[str, Any]:
    """Analyses everything up to the end of ``until`` and keeps the result as the look of that day. Returns it."""
    running = there.experiments.get(experiment_id)
    experiment = running.experiment
    observed = observe(
        experiment.id,
        [arm.name for arm in experiment.arms],
        there.lake.files("impressions"),
        there.lake.files("interactions"),
        until=until,
        windows=windows(experiment),
        resources=there.resources,
    )
    answer = metrics(running, observed, analyse(experiment, observed, until), utc(there.clock()).isoformat())
    there.experiments.keep_look(experiment_id, until, answer)
    return answer


def carry_out(there: Rooms, experiment_id: str, decision: dict[str, Any]) -> dict[str, Any]:
    """Does what a look decided: moves the pointer through the door of ``headwater release``, then ends the experiment.

    Killed in between, a retry finds the pointer moved (the move carries the experiment's id) and only ends it. Returns
    what was done: ``{"verdict", "moved", "champion"}``. Where the release is gone or damaged nothing is done, and the
    verdict is hold, with the reason. An experiment set to recommend only is left running.
    """
    running = there.experiments.get(experiment_id)
    verdict = Verdict(decision["state"])
    champion = there.door.pointers.get(CHAMPION).release_id
    outcome: dict[str, Any] = {"verdict": str(verdict), "moved": False, "champion": champion}
    if verdict not in ENDS or running.experiment.recommend_only:
        return outcome | {"recommended": verdict in ENDS}
    if running.status not in (Status.RUNNING, STATUS_OF[verdict]):
        return outcome | {"verdict": str(running.status)}
    release = next((arm.release for arm in running.experiment.arms if arm.name == decision.get("arm")), None)
    if release is not None:
        try:
            outcome["moved"] = _move(there, running, verdict, release, str(decision["reason"]))
        except (NotFoundError, DamagedReleaseError) as error:
            return outcome | {"verdict": str(Verdict.HOLD), "reason": str(error)}
        outcome["champion"] = there.door.pointers.get(CHAMPION).release_id
    there.experiments.end(experiment_id, STATUS_OF[verdict], who=WHO, decision=decision | {"moved": outcome["moved"]})
    return outcome


def _move(there: Rooms, running: RunningExperiment, verdict: Verdict, release: str, why: str) -> bool:
    operation = f"experiment:{running.experiment.id}:{verdict}"
    held = there.door.pointers.all()
    if verdict is Verdict.PROMOTE:
        return there.door.promote(release, who=WHO, why=why, operation=operation).changed
    if verdict is Verdict.ROLLBACK and held[CHAMPION].release_id == release:
        return there.door.rollback(who=WHO, why=why, operation=operation).changed
    if held[CHALLENGER].release_id == release:
        return there.door.challenge(None, who=WHO, why=why, operation=operation).changed
    return False
