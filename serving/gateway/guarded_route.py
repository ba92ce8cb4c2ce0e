"""What every ``/v1`` route checks, in this order: the token, the names in the query, the body.

JSON bodies are read by orjson: bounded depth, no NaN, and any fault is a 422 that names the place.
"""

from collections.abc import Callable, Coroutine
from typing import Any, get_args, get_origin

import orjson
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from contracts.requests import FieldError
from serving.gateway.access import Allowed
from serving.gateway.problems import ProblemError

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


class GuardedRoute(APIRoute):
    """A route that declares ``Allowed`` among its dependencies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        (guard,) = (one.call for one in self.dependant.dependencies if isinstance(one.call, Allowed))
        single, repeatable = _query_names(self.dependant)

        async def handle(request: Request) -> Response:
            await guard.admit(request)
            _check_query(request, single, repeatable)
            return await handler(_JsonRequest(request.scope, request.receive))

        return handle


def _query_names(dependant: Dependant) -> tuple[frozenset[str], frozenset[str]]:
    """The parameters that have one value, and those that are lists."""
    known = frozenset(one.alias for one in dependant.query_params)
    repeatable = frozenset(one.alias for one in dependant.query_params if _is_list(one.field_info.annotation))
    return known - repeatable, repeatable


def _is_list(annotation: Any) -> bool:
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))


def _check_query(request: Request, single: frozenset[str], repeatable: frozenset[str]) -> None:
    """Raises ProblemError 422 for a name that the route does not know, and for one that is given twice but has one
    value: a typing error must not quietly change the answer."""
    errors = []
    for name in request.query_params:
        if name not in single | repeatable:
            errors.append(FieldError(field=name[:100], message="is not a parameter of this route"))
        elif name in single and len(request.query_params.getlist(name)) > 1:
            errors.append(FieldError(field=name, message="may be given once"))
    if errors:
        raise ProblemError(422, f"{errors[0].field}: {errors[0].message}", errors=errors)
