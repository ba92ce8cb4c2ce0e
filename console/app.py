"""The ASGI application over one console."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI, Request
from fastapi.responses import Response

from console.access import guarded
from console.routes import experiments, live, pages, quality, releases, session, users
from console.service import Console
from console.watch import SECONDS
from contracts.errors import HeadwaterError, UnavailableError
from serving.gateway import problems


def create(console: Console) -> FastAPI:
    """The application; it watches the gateway and the consumer as long as it runs."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch(console))
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await console.close()

    app = FastAPI(title="Headwater console", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.middleware("http")(guarded)
    problems.install(app)

    @app.exception_handler(UnavailableError)
    async def _unavailable(_: Request, error: UnavailableError) -> Response:
        return problems.problem(503, str(error))

    @app.exception_handler(HeadwaterError)
    async def _refused(_: Request, error: HeadwaterError) -> Response:
        return problems.problem(409, str(error))

    for router in (session, live, releases, experiments, users, quality, pages):
        app.include_router(router.router)
    pages.mount(app)
    return app


async def _watch(console: Console) -> None:
    while True:
        await asyncio.gather(console.gateway.look(), console.consumer.look())
        await asyncio.sleep(SECONDS)
