"""``/v1/experiments``: declared, started, stopped and looked at."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from contracts.experiment import Experiment, RunningExperiment
from contracts.experiment_metrics import ExperimentMetrics
from contracts.rows import Id
from serving.auth.scopes import ADMIN, EXPERIMENTS_READ
from serving.auth.verifier import Caller
from serving.gateway.access import Allowed, GatewayOf, within_limits
from serving.gateway.answers import json_response
from serving.gateway.guarded_route import GuardedRoute

router = APIRouter(route_class=GuardedRoute, tags=["experiments"])

ExperimentId = Annotated[Id, Path()]
Reader = Annotated[Caller, Depends(Allowed(EXPERIMENTS_READ))]
Admin = Annotated[Caller, Depends(Allowed(ADMIN))]


@router.get("/v1/experiments", response_model=list[RunningExperiment])
async def listed(request: Request, gateway: GatewayOf, caller: Reader) -> Response:
    """All experiments in the order of starting, drafts last."""

    def work() -> list[dict[str, Any]]:
        within_limits(gateway, request, caller, None)
        return [one.model_dump(mode="json") for one in gateway.experiments.list()]

    return json_response(await gateway.in_event_thread(work))


@router.post("/v1/experiments", status_code=201, response_model=RunningExperiment)
async def create(request: Request, gateway: GatewayOf, caller: Admin, experiment: Experiment) -> Response:
    """Keeps a draft. 409 when the id is taken."""

    def work() -> dict[str, Any]:
        within_limits(gateway, request, caller, None)
        return gateway.experiments.create(experiment, who=caller.subject).model_dump(mode="json")

    return json_response(await gateway.in_event_thread(work), 201)


@router.post("/v1/experiments/{experiment_id}/start", response_model=RunningExperiment)
async def start(request: Request, gateway: GatewayOf, caller: Admin, experiment_id: ExperimentId) -> Response:
    """Starts a draft: its users get their arms within the time that the gateway takes to look."""

    def work() -> dict[str, Any]:
        within_limits(gateway, request, caller, None)
        return gateway.experiments.start(experiment_id, who=caller.subject).model_dump(mode="json")

    return json_response(await gateway.in_event_thread(work))


@router.post("/v1/experiments/{experiment_id}/stop", response_model=RunningExperiment)
async def stop(request: Request, gateway: GatewayOf, caller: Admin, experiment_id: ExperimentId) -> Response:
    """Stops a running experiment without a decision."""

    def work() -> dict[str, Any]:
        within_limits(gateway, request, caller, None)
        return gateway.experiments.stop(experiment_id, who=caller.subject).model_dump(mode="json")

    return json_response(await gateway.in_event_thread(work))


@router.get("/v1/experiments/{experiment_id}/metrics", response_model=ExperimentMetrics)
async def metrics(request: Request, gateway: GatewayOf, caller: Reader, experiment_id: ExperimentId) -> Response:
    """The newest analysis."""

    def work() -> dict[str, Any]:
        within_limits(gateway, request, caller, None)
        from experimentation.api import experiment_metrics  # brings DuckDB, which no other route needs

        return experiment_metrics(gateway.experiments, experiment_id)

    return json_response(await gateway.in_event_thread(work))
