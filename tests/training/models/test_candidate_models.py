from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import sparse

from contracts.errors import InvalidInputError
from pipeline.user import History
from tests.training.models.asking import hit_rate
from tests.training.models.conftest import planted
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models import ease, item_knn, popular, sequential
from training.models.item_weights import ItemWeights


@pytest.mark.parametrize("model", [item_knn, ease, sequential])
def test_a_model_beats_popularity_on_planted_sequences(
    model: ModuleType, ring: Sequences, ring_items: ItemTable
) -> None:
    train = ring.before_last()
    baseline = hit_rate(popular.fit(train, ring_items), ring, k=12)
    assert hit_rate(model.fit(train, ring_items), ring, k=12) > baseline + 0.3


def test_order_makes_the_sequential_model_better_than_neighbours(ring: Sequences, ring_items: ItemTable) -> None:
    train = ring.before_last()
    settings = sequential.SequentialSettings(ridge=1.0)
    assert hit_rate(sequential.fit(train, ring_items, settings=settings), ring) > 0.9
    assert hit_rate(item_knn.fit(train, ring_items), ring) < 0.9


def test_above_the_dense_limit_transitions_take_the_place_of_the_regression(
    ring: Sequences, ring_items: ItemTable
) -> None:
    settings = sequential.SequentialSettings(dense_items=10, pairs_at_once=500)
    assert hit_rate(sequential.fit(ring.before_last(), ring_items, settings=settings), ring) > 0.9


def test_blocks_of_transitions_give_what_one_block_gives(ring: Sequences, ring_items: ItemTable) -> None:
    small, large = (
        sequential.fit(
            ring, ring_items, settings=sequential.SequentialSettings(dense_items=0, pairs_at_once=pairs)
        ).weights
        for pairs in (300, 10_000_000)
    )
    assert abs(small - large).max() < 1e-6


def test_the_regression_equals_its_definition() -> None:
    sequences = planted(users=20, items=8, length=7)
    settings = sequential.SequentialSettings(past=3, ahead=2, ridge=2.0, kept=8)
    past = 2.0 ** (-np.arange(3) / settings.past_half_life)
    ahead = 2.0 ** (-np.arange(2) / settings.ahead_half_life)
    x, y = [], []
    for u in range(sequences.users):
        rows = sequences.history(u).rows
        for t in range(len(rows) - 1):
            x.append(sum((past[b] * np.eye(8)[rows[t - b]] for b in range(3) if t >= b), np.zeros(8)))
            y.append(sum((ahead[a - 1] * np.eye(8)[rows[t + a]] for a in (1, 2) if t + a < len(rows)), np.zeros(8)))
    X, Y = np.array(x), np.array(y)
    expected = np.linalg.solve(X.T @ X + 2.0 * np.eye(8), X.T @ Y)
    fitted = sequential.fit(sequences, ItemTable.bare(sequences.item_ids), settings=settings)
    found = sparse.csr_array(fitted.weights).toarray()
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-5)


def test_ease_has_no_weight_from_an_item_to_itself(ring: Sequences, ring_items: ItemTable) -> None:
    weights = ease.fit(ring, ring_items).weights
    assert isinstance(weights, np.ndarray)
    assert np.abs(np.diag(weights)).max() == 0.0


def test_ease_refuses_a_catalogue_beyond_its_limit(ring: Sequences, ring_items: ItemTable) -> None:
    with pytest.raises(InvalidInputError, match="60 items need a dense"):
        ease.fit(ring, ring_items, settings=ease.EaseSettings(dense_items=50))


@pytest.mark.parametrize("model", [popular, item_knn, ease, sequential])
def test_unordered_data_and_a_catalogue_of_five_items(model: ModuleType) -> None:
    tiny = planted(users=12, items=5, length=4, timed=False)
    assert not tiny.ordered
    fitted = model.fit(tiny, ItemTable.bare(tiny.item_ids))
    scores = fitted.scores([tiny.history(0), History.empty()], np.zeros(2))
    assert scores.shape == (2, 5)
    assert np.isfinite(scores).all()


def test_a_set_is_scored_alike_in_any_order() -> None:
    tiny = planted(users=30, items=9, length=4, timed=False)
    fitted = sequential.fit(tiny, ItemTable.bare(tiny.item_ids))
    history = tiny.history(1)
    turned = History(history.rows[::-1], history.actions[::-1], history.times[::-1], ordered=False)
    np.testing.assert_allclose(fitted.scores([history], np.zeros(1)), fitted.scores([turned], np.zeros(1)))


def test_one_user_with_most_events_does_not_rule_the_neighbours(ring_items: ItemTable, ring: Sequences) -> None:
    capped = item_knn.fit(ring, ring_items, settings=item_knn.ItemKnnSettings(user_cap=3))
    free = item_knn.fit(ring, ring_items)
    assert sparse.csr_array(capped.weights).nnz < sparse.csr_array(free.weights).nnz


@pytest.mark.parametrize(("model", "folder"), [(item_knn, "item_knn"), (sequential, "sequential")])
def test_exported_weights_are_those_that_score(
    model: ModuleType, folder: str, ring: Sequences, ring_items: ItemTable, tmp_path: Path
) -> None:
    fitted: ItemWeights = model.fit(ring, ring_items)
    fitted.export(tmp_path)
    data, indices, indptr = (np.load(tmp_path / folder / f"{part}.npy") for part in ("data", "indices", "indptr"))
    assert (indptr.dtype, indices.dtype, data.dtype) == (np.int64, np.int32, np.float32)
    row = ring.history(0).rows[-1]
    scores = fitted.scores([ring.history(0).last(1)], np.zeros(1))[0]
    span = slice(indptr[row], indptr[row + 1])
    np.testing.assert_allclose(scores[indices[span]], data[span], atol=1e-5)


def test_popular_and_trending_differ_when_taste_moves(tmp_path: Path) -> None:
    sequences = planted(users=30, items=6, length=5)
    moved = Sequences(
        sequences.user_ids,
        sequences.item_ids,
        sequences.indptr,
        np.where(sequences.place < 4, 0, 1).astype(np.int32),
        sequences.actions,
        sequences.times + sequences.place * 86_400 * 10,
        None,
        True,
    )
    fitted = popular.fit(moved, ItemTable.bare(moved.item_ids))
    fitted.export(tmp_path)
    assert np.load(tmp_path / "popular.npy").argmax() == 0
    assert np.load(tmp_path / "trending.npy").argmax() == 1
