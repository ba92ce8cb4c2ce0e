"""Who may call a route, and how often: dependencies that every ``/v1`` route declares."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.auth.verifier import Caller, InvalidTokenError
from serving.gateway.problems import ProblemError
from serving.gateway.service import Gateway

_BEARER = HTTPBearer(auto_error=False, description="A token of the configured OIDC issuer")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="headwater"'}


def gateway_of(request: Request) -> Gateway:
    """The gateway that serves this request."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def _gateway(request: Request) -> Gateway:
    # A plain function would be called in a thread of its own.
    return gateway_of(request)


GatewayOf = Annotated[Gateway, Depends(_gateway)]


class Allowed:
    """A dependency: the caller, when the bearer token is good and carries ``scope``. A guarded route asks it before it
    reads anything else of the request."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(
        self,
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> Caller:
        """Who calls, as ``admit`` found."""
        caller: Caller = request.state.caller
        return caller

    async def admit(self, request: Request) -> None:
        """Leaves the caller in ``request.state``. Raises ProblemError 401 or 403."""
        if "access_token" in request.query_params:
            raise ProblemError(401, "a token in the query string is not accepted", headers=_CHALLENGE)
        bearer = await _BEARER(request)
        if bearer is None or len(request.headers.getlist("authorization")) > 1:
            raise ProblemError(401, "a bearer token is needed", headers=_CHALLENGE)
        try:
            caller = await gateway_of(request).verifier.caller(bearer.credentials)
        except InvalidTokenError as error:
            challenge = {"WWW-Authenticate": 'Bearer realm="headwater", error="invalid_token"'}
            raise ProblemError(401, str(error), headers=challenge) from error
        request.state.log["client"] = caller.client_id
        if self.scope not in caller.scopes:
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{self.scope}"'}
            raise ProblemError(403, f"the token lacks the scope {self.scope}", headers=challenge)
        request.state.caller = caller


def within_limits(gateway: Gateway, request: Request, caller: Caller, user_id: str | None) -> None:
    """Counts the request, in a request thread. Raises ProblemError 429."""
    quota = gateway.limiter.check(caller.client_id, user_id)
    request.state.headers.update(quota.headers())
