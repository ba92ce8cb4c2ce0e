"""A release of any size for the benchmark: the product's own models with random weights over synthetic items."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.ann import vectors
from contracts.clock import Clock, utc
from contracts.release import Manifest
from feature_repo import user_daily
from feature_repo.daily import feature_set, versions
from pipeline import ann_library, mapped_items
from pipeline.blend import Blend
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.sparse import SparseRows
from releases.model_repository import place
from releases.store import ReleaseStore

CATEGORIES = tuple(f"category {n}" for n in range(40))
NEIGHBOURS, ALL_NEIGHBOURS = 100, 20_000_000
"""Entries an item of every item-to-item matrix, and how many there are in all at most."""
FACTORS = 64
FEATURES = versions(user_daily.FEATURES)


def popularity(items: int) -> npt.NDArray[np.float64]:
    """The chance that an action is on each item, float64[items]: Zipf's law in the order of rows."""
    weight = 1.0 / (np.arange(items) + 10.0)
    return np.asarray(weight / weight.sum())


def publish(releases: Path, models: Path, release_id: str, items: int, clock: Clock) -> Manifest:
    """Stages, publishes and places one release of ``items`` items; the id seeds its numbers."""
    store, random = ReleaseStore(releases), np.random.default_rng(int(release_id[1:], 16))
    now, staging = utc(clock()), store.stage(release_id)
    manifest = Manifest(
        id=release_id,
        created_at=now,
        git_commit="0" * 40,
        data_from=now - timedelta(days=30),
        data_to=now,
        data_hash="0" * 64,
        seed=7,
        feature_set=feature_set(FEATURES),
        features=FEATURES,
        ranking_features=RANKING_FEATURES,
        vector_size=_write_models(staging, items, int(release_id[1:], 16)),
        items=items,
        labels="impressions",
    )
    _write_items(staging, items, clock(), random)
    for name in ("sequential", "item_knn", "transitions"):
        _neighbours(items, random).save(staging / name)
    (staging / "sequential" / "settings.json").write_text(json.dumps({"half_life": 3.0, "window": 20}))
    _write_als(staging / "als", items, random)
    ones = np.ones(len(RANKING_FEATURES), np.float32)
    weights = random.standard_normal(len(RANKING_FEATURES)).astype(np.float32)
    Blend(RANKING_FEATURES, 0 * ones, ones, weights).save(staging / "lambdamart" / "blend.json")
    final = store.publish(staging, manifest)
    place(final, models)
    return manifest


def _write_models(staging: Path, items: int, version: int) -> int:
    """User tower, item vectors, index and deep ranker, as training writes them. Returns the vectors' size."""
    from training.models.two_tower import TwoTowerSettings  # bring TensorFlow, which a world already made does without
    from training.models.two_tower.fitted import UserVectors
    from training.models.two_tower.user_tower import UserTower
    from training.rankers.deep import FittedDeep
    from training.rankers.deep_model import CandidateScorer, ServedScorer
    from training.rankers.settings import DeepSettings
    from training.tensorflow_runtime import load

    tf, settings = load(), TwoTowerSettings(variant="pooled").resolved(1, True, 90, 1e9)
    table = vectors(items, settings.size)
    (staging / "vectors").mkdir()
    np.save(staging / "vectors" / "items.npy", table)
    ann_library.build(table, staging / "ann")
    none, one = np.zeros(len(FEATURES), np.float32), np.ones(len(FEATURES), np.float32)
    padded = np.pad(table, ((1, 0), (0, 0)))
    users = UserVectors(UserTower(settings, 7), padded, none, one, window=settings.window, ordered=True)
    folder = staging / "models" / "user_tower" / str(version)
    tf.saved_model.save(users, str(folder), signatures={"serving_default": users.serve})
    columns = len(RANKING_FEATURES)
    scorer = CandidateScorer(
        items, np.zeros(columns, np.float32), np.ones(columns, np.float32), True, DeepSettings(), 7
    )
    history, candidates = np.ones((1, 1), np.int32), np.ones((1, 2), np.int32)
    scorer(history, history, np.ones((1, 1), np.float32), candidates, np.ones((1, 2, columns), np.float32))
    FittedDeep(ServedScorer(scorer, columns), 0.0).export(staging, version)
    return settings.size


def _write_items(staging: Path, items: int, now: float, random: np.random.Generator) -> None:
    counts = (popularity(items) * 100 * items).astype(np.int64)
    born = (now - random.exponential(60 * 86_400, items)).astype(np.int64) * 1_000_000
    table = pa.table(
        {
            "item_id": [f"item{row}" for row in range(items)],
            "category": pa.ListArray.from_arrays(
                pa.array(np.arange(0, 2 * items + 1, 2, dtype=np.int32)),
                pa.array(CATEGORIES).take(pa.array(random.integers(0, len(CATEGORIES), 2 * items))),
            ),
            "title": [f"Item {row}" for row in range(items)],
            **{name: pa.array(born, pa.timestamp("us", tz="UTC")) for name in ("created_at", "first_seen")},
            **{name: counts // share for name, share in (("count", 1), ("count_7d", 4), ("count_28d", 1))},
            "year": random.integers(1980, 2027, items).astype(np.int32),
        }
    )
    pq.write_table(table, staging / "items.parquet")
    np.save(staging / "popular.npy", counts.astype(np.float32))
    np.save(staging / "trending.npy", random.permutation(counts).astype(np.float32))
    mapped_items.save(staging)


def _neighbours(items: int, random: np.random.Generator) -> SparseRows:
    width = min(NEIGHBOURS, items, ALL_NEIGHBOURS // items)
    steps = random.integers(1, max(items // width, 2), (items, width), dtype=np.int32)
    indices = np.sort((steps.cumsum(axis=1) + random.integers(0, items, (items, 1))) % items, axis=1).astype(np.int32)
    data = random.random(indices.size, dtype=np.float32)
    return SparseRows(np.arange(0, indices.size + 1, width, dtype=np.int64), indices.ravel(), data)


def _write_als(directory: Path, items: int, random: np.random.Generator) -> None:
    directory.mkdir()
    factors = 0.1 * random.standard_normal((items, FACTORS), dtype=np.float32)
    np.save(directory / "items.npy", factors)
    np.save(directory / "gram.npy", factors.T @ factors)
    (directory / "settings.json").write_text(json.dumps({"alpha": 10.0, "regularisation": 0.1}))
