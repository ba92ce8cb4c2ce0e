"""A release: one immutable directory that ships, is compared and is rolled back as a whole."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.rows import Instant

CHAMPION = "champion"
CHALLENGER = "challenger"

HISTORY_LENGTH = 100
"""Recent actions kept online for a user, and the longest history that a user tower reads."""

SERVING_MODELS = ("user_tower", "ranker")
"""SavedModels of a release, each under ``models/<name>/<version>/`` as TensorFlow Serving wants it."""


class Manifest(BaseModel):
    """``manifest.json`` of a release directory. Everything that made the release and everything it was measured at."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    id: str = Field(description="'r' and 12 hex digits: a hash of data, feature set, settings, seed and commit")
    created_at: Instant
    git_commit: str
    data_from: Instant
    data_to: Instant
    data_hash: str
    seed: int
    shifted_seconds: float = Field(0.0, description="what import --shift-to-now added to every time")
    feature_set: str = Field(description="hash over the names and versions in features")
    features: dict[str, int] = Field(description="version of every feature that the models read")
    ranking_features: tuple[str, ...] = Field(description="the ranker's dynamic columns, in order")
    vector_size: int
    items: int
    ranker: str = Field(
        "deep", description="deep or lambdamart, the better in training's validation; none without either"
    )
    labels: str = Field(description="what the rankers learned from")
    ann: dict[str, Any] = Field(default_factory=dict, description="index library and its parameters")
    metrics: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="model → metric → value on the holdout"
    )
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict, description="bootstrap intervals")
    files: dict[str, str] = Field(default_factory=dict, description="relative path → sha256 of every file but this one")
    parent: str | None = Field(None, description="champion when this one was trained")
    notes: dict[str, str] = Field(default_factory=dict)

    @property
    def model_version(self) -> int:
        """The version under which TensorFlow Serving knows this release's models: 48 bits of the id."""
        return int(self.id[1:], 16)
