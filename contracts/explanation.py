"""The answer of ``GET /v1/recommendations/explain``: why a user gets what they get."""

from pydantic import BaseModel

from contracts.events import Action
from contracts.requests import AssignedArm, RecommendedItem
from contracts.rows import Instant


class LastAction(BaseModel):
    """One action that the profile holds."""

    item_id: str
    action: Action
    timestamp: Instant


class Profile(BaseModel):
    """What is known of the user: last actions newest first, and the age of the newest thing known."""

    user_id: str
    last_actions: list[LastAction]
    features: dict[str, float]
    age_seconds: float | None
    state: str
    seen: int
    vectors: list[str]


class RemovedItem(BaseModel):
    """An item that a stage took away, and why."""

    item_id: str
    reason: str


class StageTaken(BaseModel):
    """One stage of the request: milliseconds, how many items it kept, the fault when its fallback ran, and what it
    decided. ``removed`` names the first thousand for each reason, ``removed_count`` counts them all."""

    stage: str
    ms: float
    kept: int
    removed: list[RemovedItem]
    removed_count: int
    fault: str | None
    note: str


class ExplainedItem(RecommendedItem):
    """An item of the answer with the values that ranked it."""

    features: dict[str, float | None]


class Explanation(BaseModel):
    """An answer and everything that led to it. ``ranking_features`` are the columns that the ranker reads."""

    request_id: str
    release: str
    experiment: AssignedArm | None
    user: Profile
    stages: list[StageTaken]
    items: list[ExplainedItem]
    ranking_features: list[str]
    degraded: list[str]
