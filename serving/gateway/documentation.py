"""The OpenAPI document as clients are generated from it."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from contracts.requests import Problem
from serving.gateway.problems import MEDIA_TYPE

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {MEDIA_TYPE: {}}, "description": description}
    for status, description in (
        (401, "No token, or one that is not accepted"),
        (403, "The token lacks a scope"),
        (404, "There is no such thing"),
        (409, "It changed since it was read, or may not change now"),
        (413, "The body is too large"),
        (415, "The body is not JSON"),
        (422, "A field is wrong"),
        (429, "Too many requests"),
        (503, "Try again"),
    )
}
"""What every ``/v1`` route may answer besides its own."""


def operation_id(route: APIRoute) -> str:
    """The name of the route's function: what the generated client calls it."""
    return route.name


class DocumentedApi(FastAPI):
    """An application whose document says of every error that it is ``application/problem+json`` and nothing else."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once. FastAPI declares a response's model under the media type of the route's answer."""
        if self.openapi_schema is None:
            for operations in super().openapi()["paths"].values():
                for operation in operations.values():
                    for response in operation["responses"].values():
                        content = response.get("content", {})
                        if MEDIA_TYPE in content:
                            content[MEDIA_TYPE] = content.pop("application/json")
        return super().openapi()
