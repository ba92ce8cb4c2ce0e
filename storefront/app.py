"""The ASGI application: the page, and the few questions that it asks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from client.headwater_client.models import EventIn
from contracts.events import Action
from contracts.requests import Problem
from storefront.public_api import PublicApi, RefusalError

PAGE = Path(__file__).with_name("page")
MAXIMUM_ITEMS = 50
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

Count = Annotated[int, Query(ge=1, le=MAXIMUM_ITEMS)]


class Acted(BaseModel):
    """What a person did with an item of the answer ``request_id``. Sent again, the same ``event_id`` counts once."""

    event_id: str
    user_id: str
    item_id: str
    action: Action
    request_id: str


def create(api: PublicApi, hosts: Sequence[str]) -> FastAPI:
    """The application; answers under the names ``hosts`` only, so that no other site's name can be pointed at it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await api.close()

    app = FastAPI(title="Headwater storefront", lifespan=lifespan, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)

    @app.middleware("http")
    async def _headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(RefusalError)
    async def _refused(_: Request, error: RefusalError) -> Response:
        body = Problem(title=error.status.phrase, status=error.status, detail=error.detail, errors=error.errors)
        headers = {"Retry-After": str(error.retry_seconds)} if error.retry_seconds is not None else {}
        return JSONResponse(body.model_dump(), error.status, headers, "application/problem+json")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/api/recommendations")
    async def recommendations(user_id: str, count: Count = 10) -> dict[str, Any]:
        return (await api.recommendations(user_id, count)).to_dict()

    @app.get("/api/items/{item_id:path}/similar")
    async def similar(item_id: str, count: Count = 6) -> dict[str, Any]:
        return (await api.similar(item_id, count)).to_dict()

    @app.post("/api/events", status_code=202)
    async def acted(one: Acted) -> dict[str, Any]:
        event = EventIn.from_dict(one.model_dump(mode="json"))
        return (await api.send(event)).to_dict()

    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app
