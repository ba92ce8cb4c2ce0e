"""``DELETE /v1/users/{id}`` and the progress of it."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from contracts.errors import NotFoundError
from contracts.requests import ErasureProgress
from contracts.rows import Id
from feature_repo.erased import digest, remember
from serving.auth.scopes import ADMIN
from serving.auth.verifier import Caller
from serving.erasure.ledger import Erasure
from serving.erasure.online import erase_online
from serving.gateway.access import Allowed, GatewayOf, within_limits
from serving.gateway.answers import json_response
from serving.gateway.guarded_route import GuardedRoute

router = APIRouter(route_class=GuardedRoute, tags=["users"])

UserId = Annotated[Id, Path()]
Admin = Annotated[Caller, Depends(Allowed(ADMIN))]


def _shown(erasure: Erasure) -> dict[str, Any]:
    return {name: value for name, value in asdict(erasure).items() if name != "user_id"}


@router.delete("/v1/users/{user_id:path}", status_code=202, response_model=ErasureProgress)
async def erase(request: Request, gateway: GatewayOf, caller: Admin, user_id: UserId) -> Response:
    """Erases a user: online before this answers, in lake, logs and exports by the job ``serving.erasure``."""

    def work() -> dict[str, Any]:
        within_limits(gateway, request, caller, None)
        releases, now = gateway.known_releases(), gateway.clock()
        # First on disk: where Redis fails, the daily job does the rest. Then in Redis, so that the consumer does not
        # bring back what is deleted next.
        gateway.erasures.request(user_id, now, 0)
        gateway.redis_breaker.call(remember, gateway.redis, {digest(user_id): now})
        keys = gateway.redis_breaker.call(erase_online, gateway.redis, user_id, releases)
        return _shown(gateway.erasures.request(user_id, now, keys))

    return json_response(await gateway.in_thread(work), 202)


@router.get("/v1/users/{user_id:path}/erasure", response_model=ErasureProgress)
async def progress(request: Request, gateway: GatewayOf, caller: Admin, user_id: UserId) -> Response:
    """How far the erasure of a user is."""

    def work() -> dict[str, Any]:
        within_limits(gateway, request, caller, None)
        found = gateway.erasures.find(user_id)
        if found is None:
            raise NotFoundError("nobody asked for the erasure of this user")
        return _shown(found)

    return json_response(await gateway.in_thread(work))
