"""``GET /v1/recommendations`` and ``POST /v1/rank``."""

from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response

from contracts.requests import FieldError, RankRequest, Recommendations
from contracts.rows import Id
from experimentation.assignment import forced
from pipeline.request import Answer
from pipeline.request import Request as Question
from serving.auth.scopes import EXPERIMENTS_FORCE, RECOMMENDATIONS_READ
from serving.auth.verifier import Caller
from serving.gateway.access import Allowed, GatewayOf, within_limits
from serving.gateway.answers import impressions, respond
from serving.gateway.arm_counts import count_impressions
from serving.gateway.arms import ArmKey
from serving.gateway.exploration import drawn, explores, widened
from serving.gateway.guarded_route import GuardedRoute
from serving.gateway.in_force import InForce
from serving.gateway.interleaved import drafted, rival
from serving.gateway.problems import ProblemError
from serving.gateway.service import Gateway

router = APIRouter(route_class=GuardedRoute, tags=["recommendations"])

Reader = Annotated[Caller, Depends(Allowed(RECOMMENDATIONS_READ))]
MAXIMUM_EXCLUDED = 1000
RANK_SURFACE = "rank"
FORCE_ARM = "X-Force-Arm"


def ask(gateway: Gateway, request: Request, caller: Caller, question: Question) -> Answer:
    """Counts the request against the limits, answers it, and hands its impressions on."""
    within_limits(gateway, request, caller, question.user_id)
    in_force = gateway.keeper.current
    answer = composed(gateway, in_force, question)
    if answer.items:
        feature_sets = {release: loaded.manifest.feature_set for release, loaded in in_force.loaded.items()}
        gateway.impressions.offer(partial(impressions, answer, feature_sets, question.surface))
        count_impressions(answer)
    return answer


def composed(gateway: Gateway, in_force: InForce, question: Question) -> Answer:
    """The answer of the user's arm; drafted with the other arm's in an interleaving, or with a slot that explores."""
    if explores(question, gateway.configuration.explore_share):
        return drawn(gateway.answer(widened(question), in_force), question)
    answer = gateway.answer(question, in_force)
    other = rival(in_force.running, answer) if question.arm is None else None
    if other is None:
        return answer
    return drafted((answer, gateway.answer(replace(question, arm=other), in_force)))


def forced_arm(gateway: Gateway, caller: Caller, header: str | None) -> ArmKey | None:
    """The arm that a tester asks for. Raises ProblemError 403 without the scope, 422 for an arm that does not run."""
    if header is None:
        return None
    if EXPERIMENTS_FORCE not in caller.scopes:
        raise ProblemError(403, f"the token lacks the scope {EXPERIMENTS_FORCE}, which {FORCE_ARM} needs")
    experiment, _, arm = header.partition("=")
    if forced(gateway.keeper.current.running, experiment, arm) is None:
        wrong = FieldError(field=FORCE_ARM, message="must be id=arm of a running experiment")
        raise ProblemError(422, f"{FORCE_ARM}: {wrong.message}", errors=[wrong])
    return experiment, arm


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
    force_arm: Annotated[str | None, Header(alias=FORCE_ARM, description="id=arm, for tests; not analysed")] = None,
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
        arm=forced_arm(gateway, caller, force_arm),
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
