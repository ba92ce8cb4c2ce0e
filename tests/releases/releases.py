"""Small releases to test with."""

from datetime import UTC, datetime
from pathlib import Path

from contracts.release import Manifest
from releases.store import ReleaseStore

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


def manifest(identifier: str) -> Manifest:
    """A manifest without files."""
    return Manifest(
        id=identifier,
        created_at=WHEN,
        git_commit="abc",
        data_from=WHEN,
        data_to=WHEN,
        data_hash="d",
        seed=7,
        feature_set="f",
        features={"history": 1},
        ranking_features=("popularity",),
        vector_size=64,
        items=10,
        labels="impressions",
    )


def published(store: ReleaseStore, identifier: str, content: str = "x") -> Path:
    """Publishes a release with one model of each kind and an item table."""
    staging = store.stage(identifier)
    version = str(manifest(identifier).model_version)
    for name in ("user_tower", "ranker"):
        folder = staging / "models" / name / version
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text(name + content)
    (staging / "items.parquet").write_text(content)
    return store.publish(staging, manifest(identifier))
