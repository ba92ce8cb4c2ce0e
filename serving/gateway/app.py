"""The ASGI application over one gateway."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response

from serving.gateway import problems
from serving.gateway.documentation import ERRORS, DocumentedApi, operation_id
from serving.gateway.request_frame import RequestFrame
from serving.gateway.routes import (
    confirmations,
    events,
    experiments,
    explain,
    health,
    issuer,
    items,
    recommendations,
    users,
)
from serving.gateway.service import Gateway

log = structlog.get_logger(__name__)


def create(gateway: Gateway, serving: Callable[[], None] = lambda: None) -> FastAPI:
    """The application; the gateway starts and stops with it. ``serving`` is called before the first request."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gateway.start()
        await gateway.looked()
        serving()
        yield
        await gateway.stop()

    app = DocumentedApi(
        title="Headwater",
        version="1",
        description="Recommendations, fresh for every request.",
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        separate_input_output_schemas=False,
    )
    app.state.gateway = gateway
    problems.install(app)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        log.error("a fault of ours", request_id=request.state.request_id, exc_info=error)
        headers = {"X-Request-Id": request.state.request_id}
        return problems.problem(500, "a fault of ours, logged under the request id", headers=headers)

    for router in (recommendations, explain, events, confirmations, items, users, experiments):
        app.include_router(router.router, responses=ERRORS)
    app.include_router(health.router)
    if gateway.configuration.embedded_issuer:
        app.include_router(issuer.router)
    app.add_middleware(RequestFrame)
    return app
