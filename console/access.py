"""Who looks and who may change: a bearer token of the platform in a cookie that no script can read.

Every valid token may look. Whoever changes something needs the scope ``admin``, and a request that a page of ours
sent: the cookie is for this site alone, and a request that changes something carries a header that no form can set.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from console.service import Console
from serving.auth.scopes import ADMIN
from serving.auth.verifier import Caller, InvalidTokenError
from serving.gateway.problems import ProblemError, problem

COOKIE = "headwater_console"
HEADER = "X-Headwater-Console"
"""Sent by our pages with every request; a form of another site cannot set it."""

READING = frozenset({"GET", "HEAD"})

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"


def console_of(request: Request) -> Console:
    """The console that serves this request."""
    console: Console = request.app.state.console
    return console


ConsoleOf = Annotated[Console, Depends(console_of)]


async def verified(console: Console, token: str) -> Caller:
    """Who holds the token. Raises ProblemError 401."""
    try:
        return await console.verifier.caller(token)
    except InvalidTokenError as error:
        raise ProblemError(401, f"{error}; sign in again") from error


async def reader(request: Request, console: ConsoleOf) -> Caller:
    """Who is signed in. Raises ProblemError 401."""
    token = request.cookies.get(COOKIE)
    if token is None:
        raise ProblemError(401, "nobody is signed in; sign in")
    return await verified(console, token)


Reader = Annotated[Caller, Depends(reader)]


def _admin(caller: Reader) -> Caller:
    if ADMIN not in caller.scopes:
        raise ProblemError(403, f"{caller.subject} may look only; sign in with a token of scope {ADMIN}")
    return caller


Admin = Annotated[Caller, Depends(_admin)]


async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware: refuses a change that another site asks for, and tells the browser what our pages never do."""
    if request.method not in READING and not _ours(request):
        response = problem(403, f"the request does not come from a page of this console (header {HEADER})")
    else:
        response = await call_next(request)
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Cache-Control", "no-cache")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _ours(request: Request) -> bool:
    origin = request.headers.get("origin")
    same = origin is None or origin.partition("://")[2] == request.headers.get("host")
    return same and HEADER in request.headers
