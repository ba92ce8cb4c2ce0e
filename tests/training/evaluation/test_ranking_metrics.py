"""Ranks, metrics and lists against examples worked out by hand."""

import numpy as np
import pytest
from scipy import sparse

from contracts.errors import InvalidInputError
from training.evaluation.metrics import Catalogue, Ragged, UserMetrics, diversity, evaluate
from training.evaluation.ranking import NEVER, target_ranks, tie_order, top, without_seen

NEG = -np.inf


def measure(scores: list[list[float]], seen: list[list[int]], targets: list[list[int]], *ks: int) -> UserMetrics:
    table = np.array(scores, np.float32)
    return evaluate(lambda a, b: table[a:b], Ragged.of(seen), Ragged.of(targets), table.shape[1], ks, block=1)


def test_two_users_by_hand() -> None:
    # User 0: item 0 is seen, so the list is 1, 2, 3, 4; targets 2 (rank 2) and 4 (rank 4). User 1: target 0, rank 5.
    found = measure([[9, 8, 7, 6, 5], [1, 2, 3, 4, 5]], [[0], []], [[2, 4], [0]], 2, 4)
    assert found.values["recall@2"].tolist() == [0.5, 0.0]
    assert found.values["recall@4"].tolist() == [1.0, 0.0]
    assert found.values["hit_rate@2"].tolist() == [1.0, 0.0]
    assert found.values["mrr"].tolist() == [0.5, 0.2]
    best = 1 + 1 / np.log2(3)
    assert found.values["ndcg@2"][0] == pytest.approx(1 / np.log2(3) / best)
    assert found.values["ndcg@4"][0] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / best)
    assert found.overall["coverage@2"] == pytest.approx(4 / 5)


def test_a_constant_score_gets_what_chance_gets_wherever_the_targets_stand_in_the_table() -> None:
    n_items = 1000
    targets = Ragged.of([[item] for item in range(n_items)])
    flat = np.zeros((n_items, n_items), np.float32)
    found = evaluate(lambda a, b: flat[a:b], Ragged.of([[]] * n_items), targets, n_items, (10,))
    assert found.means()["recall@10"] == pytest.approx(10 / n_items)
    first_hundred = evaluate(
        lambda a, b: flat[a:b], Ragged.of([[]] * 100), Ragged.of([[i] for i in range(100)]), n_items, (100,)
    )
    assert first_hundred.means()["recall@100"] < 0.25


def test_a_target_that_was_seen_or_is_not_recommended_is_missed() -> None:
    found = measure([[3, 2, NEG]], [[0]], [[0, 2]], 3)
    assert found.values["recall@3"].tolist() == [0.0]
    assert found.first_ranks.tolist() == [NEVER]
    assert found.values["mrr"].tolist() == [0.0]


@pytest.mark.parametrize("per_user", [1, 9])
def test_ranks_equal_the_place_in_the_sorted_list_also_among_ties(per_user: int) -> None:
    generator = np.random.default_rng(3)
    scores = generator.integers(0, 6, (40, 60)).astype(np.float32)
    seen = Ragged.of([generator.choice(60, 5, replace=False) for _ in range(40)])
    targets = Ragged.of([generator.choice(60, per_user, replace=False) for _ in range(40)])
    ties = tie_order(60)
    kept = without_seen(scores, seen.indptr, seen.rows)
    lists = top(kept, 60, ties)
    ranks = target_ranks(kept, targets.indptr, targets.rows, ties)
    for user in range(40):
        listed = lists[user][lists[user] >= 0].tolist()
        assert len(listed) == 55
        for place in range(targets.indptr[user], targets.indptr[user + 1]):
            item = int(targets.rows[place])
            assert ranks[place] == (listed.index(item) + 1 if item in listed else NEVER)


def test_lists_are_shorter_where_the_catalogue_is_and_blocks_do_not_matter() -> None:
    assert top(np.array([[1, NEG, 3]], np.float32), 5, tie_order(3)).tolist() == [[2, 0, -1, -1, -1]]
    generator = np.random.default_rng(1)
    scores = generator.random((30, 50)).astype(np.float32)
    seen, targets = Ragged.of([[u] for u in range(30)]), Ragged.of([[u + 1, u + 2] for u in range(30)])
    one, other = (
        evaluate(lambda a, b: scores[a:b], seen, targets, 50, (5, 10), block=size).means() for size in (7, 30)
    )
    assert one == other


def test_diversity_and_novelty_by_hand() -> None:
    categories = sparse.csr_matrix(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], np.float64))
    lists = np.array([[0, 1, 2], [0, -1, -1]], np.int32)
    pair = diversity(lists, categories)
    assert pair[0] == pytest.approx((0.5 + 1 + 1) / 3)
    assert np.isnan(pair[1])
    catalogue = Catalogue(categories, np.array([3.0, 0.0, 0.0]))
    scores = np.array([[3, 2, 1]], np.float32)
    found = evaluate(lambda a, b: scores[a:b], Ragged.of([[]]), Ragged.of([[0]]), 3, (2,), catalogue=catalogue)
    assert found.values["novelty@2"][0] == pytest.approx((-np.log2(4 / 6) - np.log2(1 / 6)) / 2)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="targets"):
        measure([[1, 2]], [[]], [[]], 1)
    with pytest.raises(InvalidInputError, match="NaN"):
        measure([[1, float("nan")]], [[]], [[0]], 1)
    with pytest.raises(InvalidInputError, match="k:"):
        measure([[1, 2]], [[]], [[0]], 0)
    with pytest.raises(InvalidInputError, match="shape"):
        evaluate(lambda _a, _b: np.zeros((1, 3), np.float32), Ragged.of([[]]), Ragged.of([[0]]), 2, (1,))
