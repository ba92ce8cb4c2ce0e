"""The answers of ``/v1/experiments``, without a web framework: the gateway mounts these functions."""

from typing import Any

from pydantic import ValidationError

from contracts.errors import InvalidInputError
from contracts.experiment import Experiment, RunningExperiment, Status
from experimentation.answer import nothing_yet
from experimentation.store import Experiments


def describe(running: RunningExperiment) -> dict[str, Any]:
    """One experiment as the API shows it: the declaration, its state and the share enrolled now."""
    state = running.model_dump(mode="json", exclude={"experiment"})
    return (
        running.experiment.model_dump(mode="json")
        | state
        | {"traffic": running.experiment.traffic}
        | {"enrolled": running.experiment.traffic if running.traffic is None else running.traffic}
    )


def list_experiments(store: Experiments, status: str | None = None) -> list[dict[str, Any]]:
    """All, or those of one status. Raises InvalidInputError for an unknown status."""
    if status is not None and status not in set(Status):
        raise InvalidInputError("status", f"{status!r} is not one of {', '.join(Status)}")
    return [describe(one) for one in store.list(Status(status) if status else None)]


def create_experiment(store: Experiments, declaration: dict[str, Any], *, who: str) -> dict[str, Any]:
    """Keeps a draft. Raises InvalidInputError naming the first field that is wrong, ConflictError for a taken id."""
    return describe(store.create(parse(declaration), who=who))


def start_experiment(
    store: Experiments, experiment_id: str, *, who: str, traffic: float | None = None
) -> dict[str, Any]:
    """Starts a draft. Raises NotFoundError, ConflictError."""
    return describe(store.start(experiment_id, who=who, traffic=traffic))


def stop_experiment(store: Experiments, experiment_id: str, *, who: str, why: str = "by hand") -> dict[str, Any]:
    """Stops a running experiment. Raises NotFoundError, ConflictError."""
    return describe(store.stop(experiment_id, who=who, why=why))


def experiment_metrics(store: Experiments, experiment_id: str) -> dict[str, Any]:
    """The newest look, with the status of now. Raises NotFoundError."""
    running = store.get(experiment_id)
    answer = store.last_look(experiment_id) or nothing_yet(running)
    return answer | {"status": str(running.status)}


def parse(declaration: dict[str, Any]) -> Experiment:
    """The declaration checked. Raises InvalidInputError naming the first field that is wrong and what is allowed."""
    try:
        return Experiment.model_validate(declaration)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "experiment"
        raise InvalidInputError(field, first["msg"]) from error
