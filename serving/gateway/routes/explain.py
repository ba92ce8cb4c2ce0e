"""``GET /v1/recommendations/explain``: the answer to "why is this poor?"."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from contracts.clock import utc
from contracts.events import ACTION_CODES
from contracts.explanation import Explanation
from contracts.rows import Id
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.request import Request as Question
from serving.auth.scopes import ADMIN
from serving.auth.verifier import Caller
from serving.gateway.access import Allowed, GatewayOf, within_limits
from serving.gateway.answers import json_response
from serving.gateway.guarded_route import GuardedRoute
from serving.gateway.service import Gateway

router = APIRouter(route_class=GuardedRoute, tags=["recommendations"])

ACTION_NAMES = {code: action.value for action, code in ACTION_CODES.items()}

LISTED = 1000
"""Items that are named of those that a stage removed for one reason: an allow list may remove a million."""


def explained(gateway: Gateway, question: Question) -> dict[str, Any]:
    """Every stage's kept and removed, with the user's row and the items' feature values."""
    in_force = gateway.keeper.current
    answer = gateway.answer(question, in_force)
    served = in_force.served[answer.release]
    ids, user = served.artifacts.items.ids, answer.user
    columns = in_force.loaded[answer.release].manifest.ranking_features
    acts = zip(user.item_ids, user.actions, user.times, strict=True)
    return {
        "request_id": question.request_id,
        "release": answer.release,
        "experiment": {"id": answer.experiment, "arm": answer.arm} if answer.experiment else None,
        "user": {
            "user_id": user.user_id,
            "last_actions": [
                {"item_id": i, "action": ACTION_NAMES[a], "timestamp": utc(t)} for i, a, t in reversed(list(acts))
            ],
            "features": dict(user.features),
            "age_seconds": user.age_seconds,
            "state": user.state,
            "seen": sum(len(items) for items in user.seen.values()),
            "vectors": sorted(user.vectors),
        },
        "stages": [
            {
                "stage": stage.stage,
                "ms": round(stage.milliseconds, 3),
                "kept": stage.kept,
                "removed": [
                    {"item_id": ids[row], "reason": group.reason}
                    for group in stage.removed
                    for row in group.rows[:LISTED].tolist()
                ],
                "removed_count": sum(len(group.rows) for group in stage.removed),
                "fault": stage.fault,
                "note": stage.note,
            }
            for stage in answer.stages
        ],
        "items": [
            {
                "item_id": item.item_id,
                "title": item.title,
                "category": list(item.category),
                "position": item.position,
                "score": float(item.score),
                "sources": list(item.sources),
                "reasons": list(item.reasons),
                "features": dict(zip(RANKING_FEATURES, item.features.tolist(), strict=False)),
            }
            for item in answer.items
        ],
        "ranking_features": list(columns),
        "degraded": list(answer.degraded),
    }


@router.get("/v1/recommendations/explain", response_model=Explanation)
async def explain(
    request: Request,
    gateway: GatewayOf,
    caller: Annotated[Caller, Depends(Allowed(ADMIN))],
    user_id: Annotated[Id, Query()],
    count: Annotated[int, Query(ge=1, le=100)] = 10,
    category: Annotated[Id | None, Query()] = None,
) -> Response:
    """Why a user gets what they get: every stage with its time, what it kept and removed. Logs no impression."""
    question = Question(request.state.request_id, user_id, gateway.clock(), count, category=category)

    def work() -> dict[str, Any]:
        within_limits(gateway, request, caller, None)
        return explained(gateway, question)

    return json_response(await gateway.in_thread(work))
