"""Who may call a route, and how often: dependencies that every ``/v1`` route declares."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from contracts.requests import FieldError
from serving.auth.verifier import Caller, InvalidTokenError
from serving.gateway.problems import ProblemError
from serving.gateway.service import Gateway

_BEARER = HTTPBearer(auto_error=False, description="A token of the configured OIDC issuer")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="headwater"'}


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves this request."""
    gateway: Gateway = request.app.state.gateway
    return gateway


GatewayOf = Annotated[Gateway, Depends(gateway_of)]


def allowed(scope: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, when the bearer token is good and carries ``scope``; else 401 or 403."""

    async def check(
        request: Request,
        gateway: GatewayOf,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> Caller:
        if "access_token" in request.query_params:
            raise ProblemError(401, "a token in the query string is not accepted", headers=_CHALLENGE)
        if bearer is None or len(request.headers.getlist("authorization")) > 1:
            raise ProblemError(401, "a bearer token is needed", headers=_CHALLENGE)
        try:
            caller = await gateway.verifier.caller(bearer.credentials)
        except InvalidTokenError as error:
            challenge = {"WWW-Authenticate": 'Bearer realm="headwater", error="invalid_token"'}
            raise ProblemError(401, str(error), headers=challenge) from error
        request.state.log["client"] = caller.client_id
        if scope not in caller.scopes:
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise ProblemError(403, f"the token lacks the scope {scope}", headers=challenge)
        return caller

    return check


def within_limits(gateway: Gateway, request: Request, caller: Caller, user_id: str | None) -> None:
    """Counts the request, in a request thread. Raises ProblemError 429."""
    quota = gateway.limiter.check(caller.client_id, user_id)
    request.state.headers.update(quota.headers())


def once(request: Request, *names: str) -> None:
    """Raises ProblemError 422 when a query parameter that has one value is given twice."""
    for name in names:
        if len(request.query_params.getlist(name)) > 1:
            raise ProblemError(422, f"{name}: may be given once", errors=[_error(name, "may be given once")])


def _error(field: str, message: str) -> FieldError:
    return FieldError(field=field, message=message)
