"""Why a user gets what they get: the gateway's explanation, asked for with the token of whoever looks."""

from typing import Annotated

import httpx
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from console.access import COOKIE, ConsoleOf, Reader
from contracts.errors import UnavailableError
from contracts.rows import Id

router = APIRouter(prefix="/api")


@router.get("/explain")
async def explain(
    request: Request,
    console: ConsoleOf,
    _: Reader,
    user_id: Annotated[Id, Query()],
    count: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Response:
    """The answer of ``GET /v1/recommendations/explain``, errors included."""
    try:
        answer = await console.http.get(
            f"{console.settings.gateway_url}/v1/recommendations/explain",
            params={"user_id": user_id, "count": count},
            headers={"Authorization": f"Bearer {request.cookies[COOKIE]}"},
        )
    except httpx.HTTPError as error:
        address = console.settings.gateway_url
        raise UnavailableError("gateway", f"{address} does not answer; see headwater logs gateway") from error
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
