"""Signing in and out."""

from typing import Any

import httpx
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from console.access import COOKIE, ConsoleOf, reader, verified
from console.service import Console
from contracts.errors import UnavailableError
from serving.auth.scopes import ADMIN, SCOPES
from serving.auth.verifier import Caller
from serving.gateway.problems import ProblemError

router = APIRouter(prefix="/api/session")

LONGEST = 3_800
"""Characters of a token that fit into a cookie."""


class SignIn(BaseModel):
    """A token, or the credentials of a client of the issuer; ``operate`` asks the issuer for the scope admin."""

    model_config = ConfigDict(extra="forbid")

    token: str | None = Field(None, max_length=LONGEST)
    client_id: str = ""
    client_secret: str = ""
    operate: bool = False


@router.post("")
async def sign_in(request: Request, response: Response, console: ConsoleOf, asked: SignIn) -> dict[str, Any]:
    """Keeps the token in a cookie of this site that no script can read and that ends with the browser."""
    token = asked.token.strip() if asked.token else await _granted(console, asked)
    caller = await verified(console, token)
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return _who(caller)


@router.get("")
async def who(request: Request, console: ConsoleOf) -> dict[str, Any] | None:
    """Who is signed in, null for nobody."""
    try:
        return _who(await reader(request, console))
    except ProblemError:
        return None


@router.delete("", status_code=204)
async def sign_out(response: Response) -> None:
    """Forgets the token."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def _who(caller: Caller) -> dict[str, Any]:
    return {"subject": caller.subject, "scopes": sorted(caller.scopes), "admin": ADMIN in caller.scopes}


async def _granted(console: Console, asked: SignIn) -> str:
    """A token of the issuer (RFC 6749, section 4.4). Raises ProblemError 401, UnavailableError."""
    form = {
        "grant_type": "client_credentials",
        "client_id": asked.client_id,
        "client_secret": asked.client_secret,
        "scope": " ".join(SCOPES) if asked.operate else "",
    }
    address = console.settings.token_url
    try:
        answer = await console.http.post(address, data=form)
        content = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UnavailableError("the issuer", f"{address} gives no token; paste one that you have") from error
    if answer.status_code != httpx.codes.OK:
        raise ProblemError(401, str(content.get("error_description", "the issuer refused these credentials")))
    return str(content["access_token"])
