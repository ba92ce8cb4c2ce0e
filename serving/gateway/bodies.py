"""JSON bodies read by orjson: bounded depth, no NaN, and any fault is a 422 that names the place."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from contracts.requests import FieldError
from serving.gateway.problems import ProblemError

_JSON = "application/json"


class _JsonRequest(Request):
    async def json(self) -> Any:
        content = await self.body()
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _JSON:
            raise ProblemError(415, f"the content type must be {_JSON}", errors=[_wrong(f"must be {_JSON}")])
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise ProblemError(422, f"the body is not JSON: {error}", errors=[_wrong(str(error))]) from error


def _wrong(message: str) -> FieldError:
    return FieldError(field="body", message=message)


class JsonRoute(APIRoute):
    """A route whose body is read as above."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_JsonRequest(request.scope, request.receive))

        return handle
