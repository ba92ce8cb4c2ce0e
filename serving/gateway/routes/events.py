"""``POST /v1/events``."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response
from pydantic import Discriminator, Field, Tag

from contracts.requests import Accepted, EventIn
from serving.auth.scopes import EVENTS_WRITE
from serving.auth.verifier import Caller
from serving.gateway.access import Allowed, GatewayOf, within_limits
from serving.gateway.answers import json_response
from serving.gateway.arm_counts import count_events
from serving.gateway.events import MAXIMUM_EVENTS, EventWriter
from serving.gateway.guarded_route import GuardedRoute

router = APIRouter(route_class=GuardedRoute, tags=["events"])

Many = Annotated[list[EventIn], Field(min_length=1, max_length=MAXIMUM_EVENTS)]
Sent = Annotated[
    Annotated[EventIn, Tag("one")] | Annotated[Many, Tag("many")],
    Discriminator(lambda body: "many" if isinstance(body, list) else "one"),
]


@router.post("/v1/events", status_code=202, response_model=Accepted)
async def events(
    request: Request,
    gateway: GatewayOf,
    caller: Annotated[Caller, Depends(Allowed(EVENTS_WRITE))],
    sent: Annotated[Sent, Body()],
) -> Response:
    """Takes one event or a list. 202 only once Kafka has acknowledged all of them."""
    many = isinstance(sent, list)
    listed = sent if isinstance(sent, list) else [sent]
    writer = EventWriter(gateway.kafka, gateway.configuration.event_future_seconds)
    users = {one.user_id for one in listed}

    def work() -> list[str]:
        within_limits(gateway, request, caller, users.pop() if len(users) == 1 else None)
        completed = writer.complete(listed, caller.client_id, gateway.clock(), many=many)
        writer.write(completed)
        if gateway.keeper.ready:
            count_events(listed, gateway.keeper.current)
        return [event.event_id for event in completed]

    ids = await gateway.in_event_thread(work)
    return json_response({"accepted": len(ids), "event_ids": ids}, 202)
