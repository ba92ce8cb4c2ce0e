"""``POST /v1/impressions``: a client says which items of an answer were seen. Optional."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from contracts.clock import utc
from contracts.impressions import Confirmation
from contracts.requests import Confirmed, SeenIn
from contracts.topics import CONFIRMATIONS
from serving.auth.scopes import EVENTS_WRITE
from serving.auth.verifier import Caller
from serving.gateway.access import Allowed, GatewayOf, within_limits
from serving.gateway.answers import json_response
from serving.gateway.guarded_route import GuardedRoute

router = APIRouter(route_class=GuardedRoute, tags=["events"])


@router.post("/v1/impressions", status_code=202, response_model=Confirmed)
async def confirm(
    request: Request, gateway: GatewayOf, caller: Annotated[Caller, Depends(Allowed(EVENTS_WRITE))], seen: SeenIn
) -> Response:
    """Takes the items that came into sight. 202 only once Kafka has acknowledged all of them."""
    items = dict.fromkeys(seen.items)

    def work() -> None:
        within_limits(gateway, request, caller, seen.user_id)
        now = utc(gateway.clock())
        rows = [
            Confirmation(request_id=seen.request_id, user_id=seen.user_id, item_id=item, timestamp=now)
            for item in items
        ]
        gateway.kafka.append(CONFIRMATIONS, [(row.user_id.encode(), row.to_payload()) for row in rows])

    await gateway.in_event_thread(work)
    return json_response({"accepted": len(items)}, 202)
