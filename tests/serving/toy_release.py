"""A small release on disk: every file that serving reads, models of a few rows, made in seconds."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.release import Manifest
from feature_repo import user_daily
from feature_repo.daily import feature_set, versions
from pipeline import ann_library, mapped_items
from pipeline.ranking_columns import RANKING_FEATURES
from releases.model_repository import place
from releases.store import ReleaseStore

ITEMS, SIZE = 200, 8
CATEGORIES = ("comedy", "drama", "news", "sport")
DATA_TO = datetime(2026, 11, 20, tzinfo=UTC)
FEATURES = versions(user_daily.FEATURES)


def item_id(row: int) -> str:
    return f"i{row}"


def build_models(root: Path) -> None:
    """SavedModels that every toy release shares, under ``root/<model>/1``, and their ``vectors.npy``."""
    sizes = (ITEMS, SIZE, len(FEATURES), len(RANKING_FEATURES))
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("saved_models.py")), str(root), "1", *map(str, sizes)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
    )


def manifest(release_id: str, **changes: object) -> Manifest:
    fields: dict[str, object] = {
        "id": release_id,
        "created_at": DATA_TO,
        "git_commit": "0" * 40,
        "data_from": datetime(2026, 10, 1, tzinfo=UTC),
        "data_to": DATA_TO,
        "data_hash": "0" * 64,
        "seed": 7,
        "feature_set": feature_set(FEATURES),
        "features": FEATURES,
        "ranking_features": RANKING_FEATURES,
        "vector_size": SIZE,
        "items": ITEMS,
        "labels": "impressions",
    }
    return Manifest.model_validate(fields | changes)


def publish(releases: Path, models_root: Path | None, built: Path, release_id: str, **changes: object) -> Path:
    """Stages and publishes one release of the models in ``built``; places them for the model server."""
    store = ReleaseStore(releases)
    staging = store.stage(release_id)
    vectors = np.load(built / "vectors.npy")
    write_items(staging)
    (staging / "vectors").mkdir()
    np.save(staging / "vectors" / "items.npy", vectors)
    ann_library.build(vectors, staging / "ann")
    for name in ("user_tower", "ranker"):
        source = built / name / "1"
        version = str(int(release_id[1:], 16))
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            target = staging / "models" / name / version / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    final = store.publish(staging, manifest(release_id, **changes))
    if models_root is not None:
        place(final, models_root)
    return final


def write_items(directory: Path) -> None:
    rows = np.arange(ITEMS)
    stamp = pa.timestamp("us", tz="UTC")
    table = pa.table(
        {
            "item_id": [item_id(row) for row in range(ITEMS)],
            "category": [[CATEGORIES[row % len(CATEGORIES)]] for row in rows],
            "title": [f"Item {row}" for row in rows],
            "created_at": pa.array([DATA_TO] * ITEMS, stamp),
            "first_seen": pa.array([DATA_TO] * ITEMS, stamp),
            "attributes": pa.array([[] for _ in rows], pa.map_(pa.string(), pa.string())),
            "count": pa.array(ITEMS - rows, pa.int64()),
            "count_1d": pa.array(np.ones(ITEMS), pa.int64()),
            "count_7d": pa.array(np.ones(ITEMS), pa.int64()),
            "count_28d": pa.array(np.ones(ITEMS), pa.int64()),
            "year": pa.array(np.full(ITEMS, 2020), pa.int32()),
        }
    )
    pq.write_table(table, directory / "items.parquet")
    np.save(directory / "popular.npy", (ITEMS - rows).astype(np.float32))
    np.save(directory / "trending.npy", np.roll(ITEMS - rows, 50).astype(np.float32))
    mapped_items.save(directory)
