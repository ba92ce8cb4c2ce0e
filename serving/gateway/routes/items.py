"""``GET /v1/items/{id}/similar``, ``PUT`` and ``DELETE /v1/items/{id}``."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from contracts.catalogue import CatalogueChange, Item
from contracts.clock import utc
from contracts.errors import NotFoundError
from contracts.requests import ItemIn, Recommendations
from contracts.rows import Id
from contracts.topics import CATALOGUE
from serving.auth.scopes import CATALOGUE_WRITE, RECOMMENDATIONS_READ
from serving.auth.verifier import Caller
from serving.gateway.access import Allowed, GatewayOf, within_limits
from serving.gateway.answers import json_response
from serving.gateway.catalogue import Placed
from serving.gateway.guarded_route import GuardedRoute
from serving.gateway.service import Gateway
from serving.gateway.similar import similar_items
from serving.kafka_log import UNKNOWN

router = APIRouter(route_class=GuardedRoute, tags=["items"])

WORKERS_SECONDS = 1.0
"""A worker that is slower, because it starts or opens a release, has the change a moment later."""

ItemId = Annotated[Id, Path()]
Writer = Annotated[Caller, Depends(Allowed(CATALOGUE_WRITE))]


def change(gateway: Gateway, item_id: str, item: Item | None) -> None:
    """Writes a change for all gateways and takes it in; returns when the other workers of this one did so too, after
    WORKERS_SECONDS at the latest. Raises UnavailableError while Kafka is down."""
    changed = CatalogueChange(item_id=item_id, item=item, changed_at=utc(gateway.clock()))
    offset = gateway.kafka.append(CATALOGUE, [(item_id.encode(), changed.to_payload())])
    if offset != UNKNOWN:  # else its place among the changes is the reader's to tell
        gateway.catalogue.apply([Placed(offset, changed)])
    gateway.workers.wait_for(offset, WORKERS_SECONDS)


def known(gateway: Gateway, item_id: str) -> bool:
    """Whether the champion or the catalogue topic holds the item and it was not deleted."""
    last = gateway.catalogue.last(item_id)
    if last is not None:
        return not last.deleted
    return gateway.keeper.ready and item_id in gateway.keeper.current.champion.artifacts.items.ids


@router.get("/v1/items/{item_id:path}/similar", response_model=Recommendations)
async def similar(
    request: Request,
    gateway: GatewayOf,
    caller: Annotated[Caller, Depends(Allowed(RECOMMENDATIONS_READ))],
    item_id: ItemId,
    count: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Response:
    """Items like this one."""

    def work() -> dict[str, Any]:
        within_limits(gateway, request, caller, None)
        served = gateway.keeper.current.champion
        found = similar_items(served, item_id, count, gateway.clock())
        items = served.artifacts.items
        title = items.title(items.rows_of([item_id])[0])
        scores = np.nan_to_num(np.nanmax(found.scores, axis=1, initial=-np.inf), neginf=0.0)
        return {
            "request_id": request.state.request_id,
            "user_id": None,
            "release": served.release,
            "experiment": None,
            "items": [
                {
                    "item_id": items.ids[row],
                    "title": items.titles[row],
                    "category": list(items.categories_of(row)),
                    "position": at + 1,
                    "score": float(scores[at]),
                    "sources": list(found.named_by(at)),
                    "reasons": [f"like {title}"],
                }
                for at, row in enumerate(found.rows)
            ],
            "features": {"user_age_seconds": None, "state": "missing"},
            "degraded": list(gateway.degraded),
        }

    return json_response(await gateway.in_thread(work))


@router.put(
    "/v1/items/{item_id:path}",
    response_model=Item,
    responses={201: {"model": Item, "description": "The item is new"}},
)
async def put(request: Request, gateway: GatewayOf, caller: Writer, item_id: ItemId, item: ItemIn) -> Response:
    """Puts an item into the catalogue: it may be recommended from the next request on."""
    whole = Item(item_id=item_id, **item.model_dump())

    def work() -> bool:
        within_limits(gateway, request, caller, None)
        new = not known(gateway, item_id)
        change(gateway, item_id, whole)
        return new

    created = await gateway.in_event_thread(work)
    return json_response(whole.model_dump(mode="json"), 201 if created else 200)


@router.delete("/v1/items/{item_id:path}", status_code=204)
async def delete(request: Request, gateway: GatewayOf, caller: Writer, item_id: ItemId) -> Response:
    """Takes an item out of the catalogue: it is in no answer from the next request on."""

    def work() -> None:
        within_limits(gateway, request, caller, None)
        if not known(gateway, item_id):
            raise NotFoundError(f"there is no item {item_id}")
        change(gateway, item_id, None)

    await gateway.in_event_thread(work)
    return Response(status_code=204)
