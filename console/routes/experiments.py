"""Experiments: listed by page, looked at, started and stopped."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from console.access import Admin, ConsoleOf, Reader
from contracts.experiment import Status
from experimentation import api

router = APIRouter(prefix="/api/experiments")


class Stop(BaseModel):
    """Why an experiment ends without a decision."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(min_length=1, max_length=500)


@router.get("")
def listed(
    console: ConsoleOf,
    _: Reader,
    status: Status | None = None,
    part: Annotated[str, Query(max_length=64, description="part of the id")] = "",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
) -> dict[str, Any]:
    """One page, the newest declared first."""
    rows, total = console.experiments.page(status=status, part_of_id=part, offset=offset, limit=limit)
    return {"rows": [api.describe(one) for one in rows], "total": total, "offset": offset}


@router.get("/{experiment_id}")
def shown(console: ConsoleOf, _: Reader, experiment_id: str) -> dict[str, Any]:
    """One experiment with its newest look and its history."""
    store = console.experiments
    return api.describe(store.get(experiment_id)) | {
        "metrics": api.experiment_metrics(store, experiment_id),
        "decision": store.decision(experiment_id),
        "history": [asdict(change) for change in store.history(experiment_id)],
    }


@router.post("/{experiment_id}/start")
def start(console: ConsoleOf, caller: Admin, experiment_id: str) -> dict[str, Any]:
    """Starts a draft with all its declared traffic."""
    return api.start_experiment(console.experiments, experiment_id, who=caller.subject)


@router.post("/{experiment_id}/stop")
def stop(console: ConsoleOf, caller: Admin, experiment_id: str, ended: Stop) -> dict[str, Any]:
    """Stops a running experiment without a decision."""
    return api.stop_experiment(console.experiments, experiment_id, who=caller.subject, why=ended.why)
