from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from pipeline.user import History
from tests.training.models.asking import hit_rate
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models import als, popular
from training.models.als import AlsSettings, FittedAls


def history(*rows: int) -> History:
    """A history of these item rows."""
    return History(np.asarray(rows, np.int32), np.full(len(rows), 2, np.int8), np.zeros(len(rows)))


@pytest.fixture
def factors() -> FittedAls:
    items = np.random.default_rng(2).normal(size=(9, 4)).astype(np.float32)
    return FittedAls(items, items.T @ items, AlsSettings(rank=4, alpha=3.0, regularisation=0.2))


def test_folding_in_solves_the_weighted_least_squares_of_the_history(factors: FittedAls) -> None:
    confidence = np.ones(9)
    confidence[[1, 5]] += 3.0
    preferred = np.isin(np.arange(9), [1, 5]).astype(float)
    y = factors.items.astype(float)
    system = y.T @ (confidence[:, None] * y) + 0.2 * 2 * np.eye(4)
    expected = np.linalg.solve(system, y.T @ (confidence * preferred))
    np.testing.assert_allclose(factors.vectors([history(5, 1, 5)])[0], expected, rtol=1e-4)


def test_users_of_any_length_share_a_block(factors: FittedAls) -> None:
    together = factors.vectors([history(1), history(), history(2, 3, 4), history(1)])
    alone = np.concatenate([factors.vectors([h]) for h in (history(1), history(), history(2, 3, 4), history(1))])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert not together[1].any()


def test_the_export_holds_what_folding_in_needs(factors: FittedAls, tmp_path: Path) -> None:
    factors.export(tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "als" / "items.npy"), factors.items)
    np.testing.assert_array_equal(np.load(tmp_path / "als" / "gram.npy"), factors.gram)


def test_als_in_spark_beats_popularity(spark: SparkSession, ring: Sequences, ring_items: ItemTable) -> None:
    train = ring.before_last()
    fitted = als.fit(train, ring_items, settings=AlsSettings(rank=12, iterations=5), seed=3)
    assert hit_rate(fitted, ring, k=12) > 1.5 * hit_rate(popular.fit(train, ring_items), ring, k=12)
    assert spark.range(2).count() == 2
