"""Every error as ``application/problem+json`` (RFC 9457)."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from contracts.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from contracts.requests import FieldError, Problem

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
UNION_TAGS = ("one", "many")
"""Names of the forms of a body that may be one thing or a list: no part of a field's name."""


class ProblemError(Exception):
    """An answer that is an error, with what its headers must say."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def problem(
    status: int, detail: str, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The response for one error."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors))
    extra = dict(headers or {})
    if status in (429, 503):
        extra.setdefault("Retry-After", str(RETRY_SECONDS))
    return Response(body.model_dump_json(), status, headers=extra, media_type=MEDIA_TYPE)


def _field(location: Sequence[object]) -> str:
    parts = list(location[1:]) or list(location)
    if parts[0] in UNION_TAGS:
        parts = parts[1:] or ["body"]
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def install(app: FastAPI) -> None:
    """Registers a handler for everything that a route may raise."""

    @app.exception_handler(ProblemError)
    async def _problem(_: Request, error: ProblemError) -> Response:
        return problem(error.status, error.detail, error.errors, error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        errors = [FieldError(field=_field(one["loc"]), message=one["msg"]) for one in error.errors()]
        return problem(422, "; ".join(f"{one.field}: {one.message}" for one in errors[:3]), errors)

    @app.exception_handler(InvalidInputError)
    async def _input(_: Request, error: InvalidInputError) -> Response:
        return problem(422, str(error), [FieldError(field=error.field, message=error.message)])

    @app.exception_handler(NotFoundError)
    async def _missing(_: Request, error: NotFoundError) -> Response:
        return problem(404, str(error))

    @app.exception_handler(ConflictError)
    async def _conflict(_: Request, error: ConflictError) -> Response:
        return problem(409, str(error))

    @app.exception_handler(UnavailableError)
    async def _unavailable(_: Request, error: UnavailableError) -> Response:
        return problem(503, f"{error.dependency} is unavailable, try again")

    @app.exception_handler(SQLAlchemyError)
    async def _database(_: Request, error: SQLAlchemyError) -> Response:
        log.warning("PostgreSQL did not answer: %s", type(error).__name__)
        return problem(503, "PostgreSQL is unavailable, try again")

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), headers=error.headers)
