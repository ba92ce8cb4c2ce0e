"""The models of the HTTP interface: what clients send and what they get."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.events import Action, Number
from contracts.rows import Id, Instant


class RecommendedItem(BaseModel):
    """One item of an answer; ``position`` counts from 1."""

    item_id: str
    position: int
    score: float
    sources: list[str]
    reasons: list[str]


class AssignedArm(BaseModel):
    """The experiment and arm that an answer belongs to."""

    id: str
    arm: str


class FeatureState(BaseModel):
    """How old the user's features were: ``fresh``, ``stale`` or ``missing`` (then the age is null)."""

    user_age_seconds: float | None
    state: Annotated[str, StringConstraints(pattern="^(fresh|stale|missing)$")]


class Recommendations(BaseModel):
    """The answer of every route that returns a list of items."""

    request_id: str
    user_id: str | None
    release: str | None
    experiment: AssignedArm | None = None
    items: list[RecommendedItem]
    features: FeatureState
    degraded: list[str] = Field(default_factory=list)


class EventIn(BaseModel):
    """An event as a client sends it."""

    model_config = ConfigDict(extra="forbid")

    user_id: Id
    item_id: Id
    action: Action
    event_id: Id | None = None
    timestamp: Instant | None = None
    request_id: Id | None = None
    value: Number | None = None


class Accepted(BaseModel):
    """Events that Kafka has acknowledged, their ids in the order sent."""

    accepted: int
    event_ids: list[str]


class RankRequest(BaseModel):
    """A list of items to be ranked for a user."""

    model_config = ConfigDict(extra="forbid")

    user_id: Id
    items: Annotated[list[Id], Field(min_length=1, max_length=1000)]


class ItemIn(BaseModel):
    """An item as a client puts it into the catalogue."""

    model_config = ConfigDict(extra="forbid")

    category: list[str] = Field(default_factory=list)
    title: str | None = None
    created_at: Instant | None = None
    attributes: dict[str, str] = Field(default_factory=dict)


class FieldError(BaseModel):
    """One field that is wrong, and what is allowed."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details, media type ``application/problem+json``."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[FieldError] = Field(default_factory=list)
