"""JSON bodies read by orjson: bounded depth, no NaN, and any fault is a 422 that names the place."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

_JSON = "application/json"


class _JsonRequest(Request):
    async def body(self) -> bytes:
        content = await super().body()
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content and kind != _JSON:
            raise HTTPException(415, f"the content type must be {_JSON}")
        return content

    async def json(self) -> Any:
        """Raises orjson's error, which is a json.JSONDecodeError: FastAPI makes a 422 of it."""
        return orjson.loads(await self.body())


class JsonRoute(APIRoute):
    """A route whose body is read as above."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_JsonRequest(request.scope, request.receive))

        return handle
