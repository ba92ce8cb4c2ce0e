"""The ASGI application over one gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response

from contracts.requests import Problem
from serving.gateway import problems
from serving.gateway.request_frame import RequestFrame
from serving.gateway.routes import events, experiments, explain, health, issuer, items, recommendations, users
from serving.gateway.service import Gateway

log = structlog.get_logger(__name__)

_ERRORS = {
    status: {"model": Problem, "content": {problems.MEDIA_TYPE: {}}, "description": description}
    for status, description in (
        (401, "No token, or one that is not accepted"),
        (403, "The token lacks a scope"),
        (404, "There is no such thing"),
        (413, "The body is too large"),
        (415, "The body is not JSON"),
        (422, "A field is wrong"),
        (429, "Too many requests"),
        (503, "Try again"),
    )
}


def create(gateway: Gateway) -> FastAPI:
    """The application; the gateway starts and stops with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gateway.start()
        yield
        await gateway.stop()

    app = FastAPI(
        title="Headwater",
        version="1",
        description="Recommendations, fresh for every request.",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.gateway = gateway
    problems.install(app)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        log.error("a fault of ours", request_id=request.state.request_id, exc_info=error)
        headers = {"X-Request-Id": request.state.request_id}
        return problems.problem(500, "a fault of ours, logged under the request id", headers=headers)

    for router in (recommendations, explain, events, items, users, experiments):
        app.include_router(router.router, responses=_ERRORS)  # type: ignore[arg-type]
    app.include_router(health.router)
    if gateway.configuration.embedded_issuer:
        app.include_router(issuer.router)
    app.add_middleware(RequestFrame)
    return app
