"""The models of the HTTP interface: what clients send and what they get."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.events import Action, Number
from contracts.rows import Id, Instant


class RecommendedItem(BaseModel):
    """One item of an answer; ``position`` counts from 1. ``title`` is null and ``category`` empty where the catalogue
    has none."""

    item_id: str
    title: str | None = None
    category: list[str] = Field(default_factory=list)
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


class SeenIn(BaseModel):
    """Items of an answer that came into the user's sight."""

    model_config = ConfigDict(extra="forbid")

    request_id: Id
    user_id: Id
    items: Annotated[list[Id], Field(min_length=1, max_length=100)]


class Confirmed(BaseModel):
    """Confirmations that Kafka has acknowledged."""

    accepted: int


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


class Ready(BaseModel):
    """The releases in force by pointer, and the dependencies that do not answer: answers are then degraded."""

    status: str
    releases: dict[str, str | None]
    down: list[str]


class ErasureProgress(BaseModel):
    """How far a user's erasure is: ``requested`` (gone online), ``erased`` (gone everywhere but from Kafka, whose
    retention ends at ``kafka_clear_at``, 0 until that is known) or ``done``. ``tables`` maps a table of the lake, and
    ``files`` a kind of file, to the rows removed; times are epoch seconds."""

    user_digest: str
    requested_at: float
    state: str
    online_keys: int
    tables: dict[str, int]
    files: dict[str, int]
    kafka_clear_at: float
    finished_at: float | None


class TokenRequest(BaseModel):
    """A client asks for a token (RFC 6749, section 4.4). Without ``scope`` it gets all of its own but ``admin``."""

    grant_type: Literal["client_credentials"]
    client_id: str
    client_secret: str
    scope: str | None = None


class Token(BaseModel):
    """A bearer token and the seconds for which it is good (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class GrantRefused(BaseModel):
    """Why there is no token (RFC 6749, section 5.2)."""

    error: str
    error_description: str


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
