"""``GET /v1/recommendations`` and ``POST /v1/rank``."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from contracts.requests import RankRequest, Recommendations
from contracts.rows import Id
from pipeline.request import Answer
from pipeline.request import Request as Question
from serving.auth.scopes import RECOMMENDATIONS_READ
from serving.auth.verifier import Caller
from serving.gateway.access import Allowed, GatewayOf, within_limits
from serving.gateway.answers import impressions, respond
from serving.gateway.guarded_route import GuardedRoute
from serving.gateway.service import Gateway

router = APIRouter(route_class=GuardedRoute, tags=["recommendations"])

Reader = Annotated[Caller, Depends(Allowed(RECOMMENDATIONS_READ))]
MAXIMUM_EXCLUDED = 1000
RANK_SURFACE = "rank"


def ask(gateway: Gateway, request: Request, caller: Caller, question: Question) -> Answer:
    """Counts the request against the limits, answers it, and hands its impressions on."""
    within_limits(gateway, request, caller, question.user_id)
    in_force = gateway.keeper.current
    answer = gateway.answer(question, in_force)
    if answer.items:
        feature_set = in_force.loaded[answer.release].manifest.feature_set
        gateway.impressions.offer(partial(impressions, answer, feature_set, question.surface))
    return answer


@router.get("/v1/recommendations", response_model=Recommendations)
async def recommendations(
    request: Request,
    gateway: GatewayOf,
    caller: Reader,
    user_id: Annotated[Id, Query()],
    count: Annotated[int, Query(ge=1, le=100)] = 10,
    surface: Annotated[Id | None, Query(description="where the answer is shown")] = None,
    category: Annotated[Id | None, Query(description="items of this category only")] = None,
    exclude: Annotated[list[Id] | None, Query(max_length=MAXIMUM_EXCLUDED, description="item ids, repeatable")] = None,
) -> Response:
    """Items for a user, computed fresh: never empty, never an item that the user has met."""
    question = Question(
        request_id=request.state.request_id,
        user_id=user_id,
        now=gateway.clock(),
        count=count,
        surface=surface,
        category=category,
        exclude=frozenset(word for one in exclude or () for word in (one, *one.split(",")) if word),
    )
    return respond(request, await gateway.in_thread(lambda: ask(gateway, request, caller, question)))


@router.post("/v1/rank", response_model=Recommendations)
async def rank(request: Request, gateway: GatewayOf, caller: Reader, asked: RankRequest) -> Response:
    """The given items in the order that suits the user. Items that nobody knows come last, hidden ones not at all."""
    question = Question(
        request_id=request.state.request_id,
        user_id=asked.user_id,
        now=gateway.clock(),
        count=len(asked.items),
        surface=RANK_SURFACE,
        items=tuple(dict.fromkeys(asked.items)),
    )
    answer = await gateway.in_thread(lambda: ask(gateway, request, caller, question))
    return respond(request, answer, [item_id for item_id in question.items if not gateway.knows(item_id)])
