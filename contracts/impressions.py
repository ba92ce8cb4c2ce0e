"""What was shown: one row an item of an answer; and what came into sight."""

from typing import Annotated

from pydantic import Field

from contracts.rows import Id, Instant, Row


class Confirmation(Row):
    """An item of an answer came into its user's sight, as the client says (topic and table ``confirmations``)."""

    request_id: Id
    user_id: Id
    item_id: Id
    timestamp: Instant


class Impression(Row):
    """One item shown to one user (topic and table ``impressions``). ``position`` counts from 1.

    ``features`` are the ranker's dynamic columns as serving computed them, in the order of the release's feature set,
    so that training sees what serving saw. ``team`` is set by interleaving (the arm whose ranking placed the item),
    ``propensity`` where a slot was randomised. ``latency_ms`` and ``degraded`` (a stage used its fallback) are of the
    whole answer.
    """

    request_id: Id
    user_id: Id
    item_id: Id
    position: Annotated[int, Field(ge=1)]
    timestamp: Instant
    release: str | None = None
    experiment: str | None = None
    arm: str | None = None
    team: str | None = None
    propensity: Annotated[float, Field(gt=0, le=1)] | None = None
    surface: str | None = None
    score: float | None = None
    sources: list[str] = Field(default_factory=list)
    features: list[float] = Field(default_factory=list)
    feature_set: str | None = None
    latency_ms: float | None = None
    degraded: bool | None = None
