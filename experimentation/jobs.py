"""The steps of the DAG ``analyze_experiments``: analyse one day, then carry out what was decided. Both idempotent."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from contracts.clock import Clock, utc
from contracts.errors import HeadwaterError, NotFoundError
from contracts.experiment import Experiment, Status
from contracts.release import CHALLENGER, CHAMPION
from contracts.settings import Settings
from database.engine import connect
from database.migrate import upgrade
from experimentation.aggregation import observe
from experimentation.analysis import analyse, windows
from experimentation.answer import metrics
from experimentation.decision import ENDS, Verdict
from experimentation.log_tables import Logs, Resources
from experimentation.store import Experiments
from lake.s3 import filesystem
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
    remote = filesystem(settings.s3_endpoint, settings.s3_region) if settings.lake.startswith("s3://") else None
    return Rooms(
        Experiments(engine, clock),
        Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region),
        Door(ReleaseStore(settings.releases), Pointers(engine, clock), settings.home / "models", settings.mlflow_url),
        clock,
        Resources(spill=spill, filesystem=remote),
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
    experiment, phases = running.experiment, there.experiments.phases(experiment_id)
    logs = Logs(
        *(there.lake.files(table) for table in ("impressions", "interactions", "items", "users", "confirmations"))
    )
    observed = observe(
        experiment.id,
        [arm.name for arm in experiment.arms],
        logs,
        until=until,
        windows=windows(experiment),
        interleaved=experiment.kind == "interleaving",
        phases=[began for began, _ in phases[1:]],
        resources=there.resources,
    )
    growth = experiment.traffic / phases[0][1] if phases else 1.0
    analysis = analyse(experiment, observed, growth=growth)
    answer = metrics(running, observed, analysis, utc(there.clock()).isoformat())
    there.experiments.keep_look(experiment_id, until, answer)
    return answer


def carry_out(there: Rooms, experiment_id: str, decision: dict[str, Any]) -> dict[str, Any]:
    """Does what a look decided: moves the pointer through the door of ``headwater release``, then ends the experiment.

    Killed in between, a retry finds the pointer moved (the move carries the experiment's id) and only ends it. Returns
    what was done: ``{"verdict", "moved", "champion"}``, ``moved`` whether this decision has moved a pointer, now or
    before. Where the release is gone or damaged, or the champion is no longer the one it was compared with, nothing is
    done, and the verdict is hold, with the reason. An experiment set to recommend only is left running.
    """
    running = there.experiments.get(experiment_id)
    verdict = Verdict(decision["state"])
    outcome: dict[str, Any] = {"verdict": str(verdict), "moved": False}
    if verdict not in ENDS or running.experiment.recommend_only:
        return outcome | {"champion": _champion(there), "recommended": verdict in ENDS}
    if running.status not in (Status.RUNNING, STATUS_OF[verdict]):
        return outcome | {"champion": _champion(there), "verdict": str(running.status)}
    release = next((arm.release for arm in running.experiment.arms if arm.name == decision.get("arm")), None)
    if release is not None:
        operation = f"experiment:{experiment_id}:{verdict}"
        try:
            _move(there, running.experiment, verdict, release, str(decision["reason"]), operation)
        except (NotFoundError, DamagedReleaseError, SupersededError) as error:
            return outcome | {"champion": _champion(there), "verdict": str(Verdict.HOLD), "reason": str(error)}
        outcome["moved"] = there.door.pointers.done(operation)
    there.experiments.end(experiment_id, STATUS_OF[verdict], who=WHO, decision=decision | {"moved": outcome["moved"]})
    return outcome | {"champion": _champion(there)}


class SupersededError(HeadwaterError):
    """The champion is another one than the experiment compared with."""


def _champion(there: Rooms) -> str | None:
    return there.door.pointers.get(CHAMPION).release_id


def _move(there: Rooms, experiment: Experiment, verdict: Verdict, release: str, why: str, operation: str) -> None:
    if there.door.pointers.done(operation):
        return
    held, control = there.door.pointers.all(), experiment.arms[0].release
    champion = held[CHAMPION]
    if verdict is Verdict.PROMOTE:
        if champion.release_id not in (control or champion.release_id, release):
            raise SupersededError(
                f"the champion is {champion.release_id} by now and {release} was compared with {control}: "
                "stop this experiment and open one against the champion"
            )
        there.door.promote(release, who=WHO, why=why, operation=operation, seen=champion.revision)
    elif verdict is Verdict.ROLLBACK and champion.release_id == release:
        there.door.rollback(who=WHO, why=why, operation=operation, seen=champion.revision)
    elif held[CHALLENGER].release_id == release:
        there.door.challenge(None, who=WHO, why=why, operation=operation)
