"""``/healthz``, ``/readyz`` and ``/metrics``: no token."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from contracts.errors import UnavailableError
from contracts.requests import Ready
from serving.gateway import metrics
from serving.gateway.access import GatewayOf
from serving.gateway.answers import json_response
from serving.gateway.documentation import ERRORS

router = APIRouter(tags=["operation"])


@router.get("/healthz")
async def healthz() -> Response:
    """The process lives."""
    return json_response({"status": "ok"})


@router.get("/readyz", response_model=Ready, responses={503: ERRORS[503]})
async def readyz(gateway: GatewayOf) -> Response:
    """A release is in force and the catalogue is read. Dependencies that are down are named: answers are degraded, not
    absent."""
    if not gateway.keeper.ready:
        raise UnavailableError("release", "none is in force yet")
    if not gateway.ready:
        raise UnavailableError("catalogue", "what was put and deleted is not read yet")
    dependencies = {
        "redis": gateway.redis_breaker.closed,
        "kafka": gateway.kafka.up,
        "model-server": gateway.models.available,
    }
    current = gateway.keeper.current
    return json_response(
        {
            "status": "ready",
            "releases": dict(current.pointers),
            "down": sorted(name for name, up in dependencies.items() if not up),
        }
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def prometheus(gateway: GatewayOf) -> Response:
    """For Prometheus: all workers added up."""
    configuration = gateway.configuration
    exposed = metrics.exposition(configuration.metrics_directory, configuration.home)
    return Response(exposed, media_type=CONTENT_TYPE_LATEST)
