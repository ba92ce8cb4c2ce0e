"""What each source proposes, and the features that rank: right, finite, and the same wherever they are computed."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.catalogue import Item
from contracts.errors import InvalidInputError
from pipeline.ann import ExactIndex, best
from pipeline.artifacts import Artifacts
from pipeline.blend import Blend
from pipeline.candidates import UNRANKED, merge
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.ranking_features import ranking_features
from pipeline.sources import SOURCES, default_sources
from pipeline.sources.als import fold_in
from pipeline.sources.sequential import faded
from pipeline.user import History, UserContext
from tests.pipeline.small_release import NOW, artifacts_of, sparse_of

ARTIFACTS = artifacts_of(120)


def user_of(*rows: int, vector: bool = True, ordered: bool = True) -> UserContext:
    n = len(rows)
    times = NOW - 60.0 * np.arange(n, 0, -1, dtype=np.float64)
    history = History(np.array(rows, np.int32), np.full(n, 2, np.int8), times, ordered)
    return UserContext("u", NOW, history, np.unique(history.rows), np.ones(8, np.float32) if vector else None)


def features_of(user: UserContext, artifacts: Artifacts = ARTIFACTS, **chosen: int) -> tuple[np.ndarray, np.ndarray]:
    proposals = {s.name: s.propose(user, 50) for s in default_sources(artifacts)}
    candidates = merge(proposals, SOURCES, user.seen, chosen.get("total", 1000))
    return candidates.rows, ranking_features(user, candidates, artifacts)


@pytest.mark.parametrize("count", [0, 1, 7, 10_000])
def test_every_source_proposes_distinct_items_best_first(count: int) -> None:
    for source in default_sources(ARTIFACTS):
        proposal = source.propose(user_of(3, 5, 8), count)
        assert len(proposal.rows) == len(set(proposal.rows.tolist())) <= count
        assert (np.diff(proposal.scores) <= 0).all()
        assert proposal.rows.dtype == np.int32
        assert proposal.scores.dtype == np.float32


def test_an_empty_history_leaves_the_sources_that_need_none() -> None:
    for nobody in (user_of(vector=False), user_of()):
        named = {s.name for s in default_sources(ARTIFACTS) if len(s.propose(nobody, 10).rows)}
        assert named == {"trending", "new", "popular"}


def test_the_two_tower_finds_the_largest_inner_products() -> None:
    user = user_of(1)
    proposal = default_sources(ARTIFACTS)[0].propose(user, 10)
    assert ARTIFACTS.vectors is not None
    expected = np.argsort(-(ARTIFACTS.vectors @ np.ones(8, np.float32)))[:10]
    assert proposal.rows.tolist() == expected.tolist()


def test_sequential_scores_are_the_faded_sum_of_rows() -> None:
    model = ARTIFACTS.sequential
    assert model is not None
    dense = np.zeros((120, 120), np.float32)
    for i in range(120):
        span = slice(model.weights.indptr[i], model.weights.indptr[i + 1])
        dense[i, model.weights.indices[span]] = model.weights.data[span]
    reading = faded(user_of(4, 9, 4, 7).history, model)
    columns, scores = model.weights.weighted_sum(*reading)
    expected = dense[7] + 2 ** (-1 / 3) * dense[4] + 2 ** (-2 / 3) * dense[9]
    assert np.allclose(scores, expected[columns], atol=1e-6)
    assert np.count_nonzero(expected) == len(columns)
    wanted = np.array([119, 0, 64, 7], np.int32)
    assert np.allclose(model.weights.sums_at(*reading, wanted), expected[wanted], atol=1e-6)


@pytest.mark.parametrize("rows", [[5], [5, 0, 119], []])
def test_sums_of_a_matrix_too_wide_for_a_dense_row_are_the_same(
    rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix, wanted = sparse_of(120, 20, 1), np.array([119, 3, 64, 7, 0], np.int32)
    chosen, weights = np.array(rows, np.int32), np.linspace(1, 2, len(rows), dtype=np.float32)
    narrow = *matrix.weighted_sum(chosen, weights), matrix.sums_at(chosen, weights, wanted)
    monkeypatch.setattr("pipeline.sparse.DENSE_COLUMNS", 10)
    wide = *matrix.weighted_sum(chosen, weights), matrix.sums_at(chosen, weights, wanted)
    for one, other in zip(narrow, wide, strict=True):
        assert np.allclose(one, other, atol=1e-6)


def test_a_folded_in_user_solves_the_normal_equations() -> None:
    als = ARTIFACTS.als
    assert als is not None
    factor = fold_in(user_of(3, 5, 8, 5).history, als)
    y = als.items[[3, 5, 8]]
    left = als.gram + 10.0 * y.T @ y + 0.05 * 3 * np.eye(4)
    assert np.allclose(left @ factor, 11.0 * y.sum(axis=0), atol=1e-3)


def test_new_items_are_those_that_hardly_anyone_has_acted_on() -> None:
    new = next(s for s in default_sources(ARTIFACTS) if s.name == "new")
    assert new.propose(user_of(1), 10).rows.tolist() == [119]


def test_heavy_users_get_popular_items_beyond_those_they_have_seen() -> None:
    popular = default_sources(ARTIFACTS)[-1]
    assert popular.propose(user_of(*range(100)), 5).rows.tolist() == [100, 101, 102, 103, 104]


@pytest.mark.parametrize("rows", [(), (1,), (119,), (1, 2, 3), tuple(range(100))])
@pytest.mark.parametrize("ordered", [True, False])
def test_features_are_finite_for_every_kind_of_user(rows: tuple[int, ...], ordered: bool) -> None:
    found, table = features_of(user_of(*rows, vector=bool(rows), ordered=ordered))
    assert table.shape == (len(found), len(RANKING_FEATURES))
    assert table.dtype == np.float32
    assert np.isfinite(table).all()


def test_features_of_an_unordered_history_do_not_depend_on_its_order() -> None:
    forth, back = user_of(4, 9, 30, 7, 2, 50, ordered=False), user_of(50, 2, 7, 30, 9, 4, ordered=False)
    assert np.allclose(features_of(forth)[1], features_of(back)[1], atol=1e-4)


def test_one_candidates_features_are_those_it_has_among_all_but_for_its_place_among_them() -> None:
    user = user_of(3, 5, 8)
    proposals = {s.name: s.propose(user, 50) for s in default_sources(ARTIFACTS)}
    candidates = merge(proposals, SOURCES, user.seen, 1000)
    whole = ranking_features(user, candidates, ARTIFACTS)
    alone = np.array([not name.endswith(("_rank", "_margin")) or name == "best_rank" for name in RANKING_FEATURES])
    for at in (0, 17, len(candidates) - 1):
        single = ranking_features(user, candidates.take(np.array([at])), ARTIFACTS)[0]
        assert np.allclose(single[alone], whole[at, alone], atol=1e-5)


def test_named_features_mean_what_they_say() -> None:
    rows, table = features_of(user_of(3, 6))
    column = {name: table[:, at] for at, name in enumerate(RANKING_FEATURES)}
    assert np.allclose(column["popularity"], np.log1p(ARTIFACTS.items.count[rows]))
    assert np.allclose(column["gap"], np.log1p(60.0))
    assert np.allclose(column["history_length"], np.log1p(2))
    comedy = (rows % 3 == 0) & (rows != 119)
    assert np.allclose(column["category_long"], np.where(comedy, 1, 0))
    assert np.allclose(column["year_distance_last"], np.abs((rows % 30) - 6.0) / 10)
    assert column["two_tower_margin"].min() == 0
    assert (column["item_is_new"] == (rows == 119)).all()


def test_an_item_of_today_is_ranked_by_its_own_vector() -> None:
    item = Item(item_id="today", category=["comedy", "opera"], title="Today", attributes={"year": "2020"})
    items = ARTIFACTS.items.with_put([item, item, Item(item_id="i1")], NOW)
    assert len(items) == 121
    assert items.categories_of(120) == ("comedy", "opera")
    artifacts = ARTIFACTS.with_items(items, np.full((1, 8), 5, np.float32))
    user = user_of(3, 5)
    new = next(s for s in default_sources(artifacts) if s.name == "new").propose(user, 5)
    assert new.rows[0] == 120
    rows, table = features_of(user, artifacts)
    score = table[rows == 120][0, RANKING_FEATURES.index("two_tower_score")]
    assert score == pytest.approx(40)


def test_a_known_item_put_again_keeps_its_row_scores_and_unstated_times() -> None:
    before = ARTIFACTS.items
    put = [Item(item_id="i7", category=["opera", "comedy"], title="Seven"), Item(item_id="i5"), Item(item_id="late")]
    items = before.with_put(put, NOW)
    assert items.ids.row("i7") == 7
    assert items.title(7) == "Seven"
    assert items.title(5) == "i5"
    assert items.categories_of(7) == ("opera", "comedy")
    assert items.categories_of(5) == ()
    others = [row for row in range(len(before)) if row not in (5, 7)]
    assert all(items.categories_of(row) == before.categories_of(row) for row in others)
    assert 7 in items.rows_in("opera")
    assert 5 not in items.rows_in(before.categories_of(5)[0])
    assert (items.popular[7], items.year[7]) == (before.popular[7], before.year[7])
    assert len(items) == len(before) + 1
    assert before.categories_of(7) != ("opera", "comedy")


def test_new_scores_leave_everything_else_as_it_is() -> None:
    items, zeros = ARTIFACTS.items, np.zeros(120, np.float32)
    changed = items.with_scores(zeros, zeros)
    assert changed.popular is zeros
    assert changed.born is items.born
    assert changed.with_put([Item(item_id="late")], NOW).born[-1] == NOW


def test_newer_counts_replace_the_releases_where_there_are_any() -> None:
    items, none = ARTIFACTS.items, np.empty(0, np.int32)
    assert items.with_counts(none, np.empty((0, 3), np.float32)) is items
    before = items.totals
    changed = items.with_counts(np.array([4], np.int32), np.array([[900, 70, 280]], np.float32))
    assert (changed.count[4], changed.count_7d[4], changed.count_28d[4], changed.popular[4]) == (900, 70, 280, 900)
    for name in ("count", "count_7d", "count_28d", "popular"):
        assert np.array_equal(np.delete(getattr(changed, name), 4), np.delete(getattr(items, name), 4))
    assert changed.totals[0] == before[0] + 900 - items.count[4]
    assert changed.born is items.born


def test_merge_prefers_the_best_rank_then_more_sources_and_never_holds_what_is_excluded() -> None:
    user = user_of(3, 5, 8)
    proposals = {s.name: s.propose(user, 30) for s in default_sources(ARTIFACTS)}
    candidates = merge(proposals, SOURCES, user.seen, 40)
    assert len(candidates) == 40
    assert not np.isin(candidates.rows, user.seen).any()
    ranks = candidates.ranks.min(axis=1)
    breadth = (candidates.ranks != UNRANKED).sum(axis=1)
    assert (np.diff(ranks) >= 0).all()
    assert all(b >= a for r, s, b, a in zip(ranks, ranks[1:], breadth, breadth[1:], strict=False) if r == s)


def test_best_and_the_exact_index_hold_for_more_than_there_is() -> None:
    assert best(np.array([1, 3, 2], np.float32), 10).tolist() == [1, 2, 0]
    index = ExactIndex(np.eye(3, dtype=np.float32), np.array([7, 8, 9], np.int32))
    assert index.search(np.array([0, 1, 0.5], np.float32), 2).rows.tolist() == [8, 9]


def write_release(directory: Path) -> Artifacts:
    items = ARTIFACTS.items
    categories = [list(items.categories_of(row)) for row in range(120)]
    born = [None if np.isnan(t) else datetime.fromtimestamp(t, tz=UTC) for t in items.first_seen]
    pq.write_table(
        pa.table(
            {
                "item_id": list(items.ids),
                "category": pa.array(categories, pa.list_(pa.string())),
                "title": pa.array(items.titles, pa.string()),
                "created_at": pa.array([None] * 120, pa.timestamp("us", tz="UTC")),
                "first_seen": pa.array(born, pa.timestamp("us", tz="UTC")),
                "count": items.count.astype(np.int64),
                "count_7d": items.count_7d.astype(np.int64),
                "count_28d": items.count_28d.astype(np.int64),
                "year": items.year,
            }
        ),
        directory / "items.parquet",
    )
    np.save(directory / "popular.npy", items.popular)
    np.save(directory / "trending.npy", items.trending)
    (directory / "vectors").mkdir()
    assert ARTIFACTS.vectors is not None
    np.save(directory / "vectors" / "items.npy", ARTIFACTS.vectors)
    sparse_of(120, 20, 1).save(directory / "item_knn")
    columns = ("two_tower_score", "popularity")
    one = np.ones(2, np.float32)
    Blend(columns, one * 0, one, np.array([2, 1], np.float32)).save(directory / "lambdamart" / "blend.json")
    return Artifacts.load(directory)


def test_a_release_directory_loads_with_the_parts_it_has(tmp_path: Path) -> None:
    loaded = write_release(tmp_path)
    assert list(loaded.items.ids) == list(ARTIFACTS.items.ids)
    assert loaded.items.categories_of(4) == ("drama",)
    assert np.allclose(loaded.items.first_seen, ARTIFACTS.items.first_seen, equal_nan=True)
    assert {s.name for s in default_sources(loaded)} == {"two_tower", "item_knn", "trending", "new", "popular"}
    assert loaded.blend is not None
    row = np.zeros((1, len(RANKING_FEATURES)), np.float32)
    row[0, [RANKING_FEATURES.index("two_tower_score"), RANKING_FEATURES.index("popularity")]] = (3, 4)
    assert loaded.blend.score(row)[0] == pytest.approx(10)


VICTIMS = ("items.parquet", "popular.npy", "item_knn/data.npy")


@pytest.mark.parametrize(
    ("victim", "damage"),
    [(victim, damage) for victim in VICTIMS for damage in ("cut", "gone", "other")]
    + [("vectors/items.npy", "cut"), ("vectors/items.npy", "other")],
)
def test_a_damaged_release_is_refused_in_one_sentence(tmp_path: Path, victim: str, damage: str) -> None:
    write_release(tmp_path)
    path = tmp_path / victim
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:40])
    elif path.suffix == ".npy":
        np.save(path, np.ones(7, np.float32))
    else:
        pq.write_table(pa.table({"name": ["x"]}), path)
    with pytest.raises(InvalidInputError, match="cannot be opened"):
        Artifacts.load(tmp_path)


def test_the_artifacts_are_immutable_copies() -> None:
    changed = replace(ARTIFACTS, items=ARTIFACTS.items.with_hidden(["i1"]))
    assert changed.items.hidden.tolist() == [1]
    assert len(ARTIFACTS.items.hidden) == 0


def test_the_rows_of_a_category_are_looked_for_once_a_table() -> None:
    items = artifacts_of(200).items
    rows = items.rows_in("comedy")
    assert rows.tolist() == [row for row in range(200) if "comedy" in items.categories_of(row)]
    assert items.with_scores(items.trending, items.popular).with_hidden(["i3"]).rows_in("comedy") is rows
    assert items.rows_in("nothing of ours").tolist() == []
    changed = items.with_put([Item(item_id="i3", category=["drama", "drama"])], NOW)
    assert changed.rows_in("comedy").tolist() == rows[rows != 3].tolist()
    assert changed.rows_in("drama").tolist().count(3) == 1
