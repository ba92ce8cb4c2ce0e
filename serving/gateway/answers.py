"""From the pipeline's answer to JSON, headers and impressions."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import Request
from fastapi.responses import Response

from contracts.clock import utc
from contracts.impressions import Impression
from pipeline.request import Answer


def body(answer: Answer) -> dict[str, Any]:
    """The answer in the shape of ``contracts.requests.Recommendations``."""
    return {
        "request_id": answer.request.request_id,
        "user_id": answer.request.user_id,
        "release": answer.release,
        "experiment": {"id": answer.experiment, "arm": answer.arm} if answer.experiment else None,
        "items": [
            {
                "item_id": item.item_id,
                "title": item.title,
                "category": list(item.category),
                "position": item.position,
                "score": float(item.score),
                "sources": list(item.sources),
                "reasons": list(item.reasons),
            }
            for item in answer.items
        ],
        "features": {"user_age_seconds": answer.user.age_seconds, "state": answer.user.state},
        "degraded": list(answer.degraded),
    }


def respond(request: Request, answer: Answer, unknown: Sequence[str] = ()) -> Response:
    """The response, with the stages' times and the arm in its headers. ``unknown`` ids come last, unscored."""
    request.state.timings.update({stage.stage: stage.milliseconds for stage in answer.stages})
    if answer.experiment is not None:
        request.state.headers["X-Experiment"] = f"{answer.experiment}={answer.arm}"
    if answer.degraded:
        request.state.log["degraded"] = list(answer.degraded)
    request.state.log["release"] = answer.release
    content = body(answer)
    content["items"] += [
        {
            "item_id": item_id,
            "title": None,
            "category": [],
            "position": position,
            "score": 0.0,
            "sources": [],
            "reasons": ["not in the catalogue"],
        }
        for position, item_id in enumerate(unknown, start=len(answer.items) + 1)
    ]
    return json_response(content)


def json_response(content: Any, status: int = 200) -> Response:
    """A response with JSON; not-a-number becomes null."""
    return Response(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), status, media_type="application/json")


def impressions(answer: Answer, feature_sets: Mapping[str, str], surface: str | None) -> Sequence[Impression]:
    """A row an item, with the feature values that ranked it. ``feature_sets`` is release → feature set. An arm that was
    asked for by name is none of the user's: its rows carry no experiment, so that no analysis counts them."""
    shown_at, latency = utc(answer.request.now), sum(stage.milliseconds for stage in answer.stages)
    forced = answer.request.arm is not None
    rows = []
    for item in answer.items:
        release = item.team.release if item.team is not None else answer.release
        rows.append(
            Impression(
                request_id=answer.request.request_id,
                user_id=answer.request.user_id,
                item_id=item.item_id,
                position=item.position,
                timestamp=shown_at,
                release=release,
                experiment=None if forced else answer.experiment,
                arm=None if forced else answer.arm,
                team=item.team.arm if item.team is not None else None,
                propensity=item.propensity,
                surface=surface,
                score=float(item.score),
                sources=list(item.sources),
                features=item.features.tolist(),
                feature_set=feature_sets[release],
                latency_ms=latency,
                degraded=bool(answer.degraded),
            )
        )
    return rows
