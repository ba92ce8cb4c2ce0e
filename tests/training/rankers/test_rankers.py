"""The rankers learn from labels their sources have not seen, and serve exactly what was trained."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import InvalidInputError
from pipeline.lambdamart import BLEND, LambdaMart
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.rules import Rules
from pipeline.user import History
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.evaluation.bootstrap import Interval
from training.rankers import lambdamart
from training.rankers.blend import fit_blend
from training.rankers.examples import Examples
from training.rankers.past_requests import SHORT_HISTORIES, past_requests
from training.rankers.ranked import fit_ranked, retrieval_ndcg
from training.rankers.rules_trial import try_rules
from training.rankers.settings import DeepSettings, ExampleSettings, LambdaMartSettings
from training.rankers.transitions import PRIOR, fit_transitions

NOW = 1_700_000_000.0
ITEMS = 60


def sequences_of(users: int, length: int, ordered: bool = True) -> Sequences:
    """Users walk from item i to i + 1, at times to i + 7."""
    random = np.random.default_rng(3)
    steps = np.where(random.random((users, length)) < 0.8, 1, 7)
    rows = (random.integers(0, ITEMS, (users, 1)) + np.cumsum(steps, axis=1)) % ITEMS
    times = NOW - 60.0 * np.arange(length, 0, -1)[None] + np.zeros((users, 1))
    return Sequences(
        [f"u{u}" for u in range(users)],
        [f"i{i}" for i in range(ITEMS)],
        np.arange(users + 1, dtype=np.int64) * length,
        rows.astype(np.int32).ravel(),
        np.full(users * length, 2, np.int8),
        times.ravel(),
        None,
        ordered,
    )


def examples_of(groups: int, a_group: int = 20, informative: str = "transition") -> Examples:
    """The wanted candidate is the one with the largest ``informative`` feature."""
    random = np.random.default_rng(5)
    features = random.normal(size=(groups * a_group, len(RANKING_FEATURES))).astype(np.float32)
    told = features[:, RANKING_FEATURES.index(informative)].reshape(groups, a_group)
    labels = (told == told.max(axis=1, keepdims=True)).astype(np.int8).ravel()
    history = History(np.array([1, 2], np.int32), np.array([2, 2], np.int8), np.array([NOW - 60, NOW - 5]))
    return Examples(
        features,
        labels,
        random.integers(0, ITEMS, groups * a_group).astype(np.int32),
        np.tile(np.arange(1, a_group + 1, dtype=np.int32), groups),
        np.full(groups, a_group, np.int64),
        [history] * groups,
        np.full(groups, NOW),
        np.arange(groups) % 5 == 0,
    )


def test_transitions_are_shares_of_direct_successors() -> None:
    base = sequences_of(1, 3)
    two = replace(base, user_ids=["a", "b"], indptr=np.array([0, 3, 5]), rows=np.array([1, 2, 1, 2, 5], np.int32),
                  actions=np.full(5, 2, np.int8), times=np.arange(5.0))  # fmt: skip
    matrix = fit_transitions(two)
    row = slice(matrix.indptr[2], matrix.indptr[3])
    assert matrix.indices[row].tolist() == [1, 5]
    assert matrix.data[row] == pytest.approx([1 / (2 + PRIOR)] * 2)
    assert matrix.indptr[-1] == 3  # 1→2, 2→1, 2→5; never from one user to the next
    assert fit_transitions(replace(two, ordered=False)).indptr[-1] == 0


@pytest.mark.parametrize("ordered", [True, False])
def test_past_requests_ask_for_what_came_after_their_history(ordered: bool) -> None:
    sequences = sequences_of(20, 10, ordered)
    requests = past_requests(sequences, None, ExampleSettings(groups=30, short_share=0), 1)
    assert len(requests) >= 18
    for request in requests:
        assert len(request.user.history) >= 7
        assert len(request.wanted) == (1 if ordered else 3)
        if ordered:
            assert request.user.now > request.user.history.times[-1]


def test_a_share_is_asked_again_as_of_a_user_who_has_just_come() -> None:
    settings = ExampleSettings(groups=60, history=6, short_share=0.25)
    requests = past_requests(sequences_of(40, 12), None, settings, 1)
    asked = sum(not request.validates and len(request.user.history) == 6 for request in requests)
    short = [request for request in requests if len(request.user.history) < 6]
    assert len(short) == asked // 4
    assert {len(request.user.history) for request in short} == set(SHORT_HISTORIES)
    for request in short:
        assert not request.validates
        assert len(request.user.seen) > 5


def test_users_with_too_few_actions_are_not_asked_for() -> None:
    assert past_requests(sequences_of(5, 4), None, ExampleSettings(), 1) == []


@pytest.mark.parametrize("offset", [False, True])
def test_lambdamart_learns_and_the_request_path_scores_the_same(tmp_path: Path, *, offset: bool) -> None:
    examples = examples_of(200)
    blend = fit_blend(examples) if offset else None
    fitted = lambdamart.fit(examples, blend=blend, settings=LambdaMartSettings(trees=40, least_in_leaf=5), seed=1)
    assert fitted.validation > 0.8
    fitted.export(tmp_path)
    served = LambdaMart.of_release(tmp_path)
    assert served is not None
    sample = examples.features[:200]
    if not offset:
        sample[0] = np.nan
    assert np.allclose(served.predict(sample), fitted.score(sample), atol=1e-6)
    assert len(served.predict(sample[:0])) == 0
    with pytest.raises(InvalidInputError):
        served.predict(sample[:, :3])


def test_the_first_trees_begin_with_the_order_of_the_blend() -> None:
    examples = examples_of(200)
    blend = fit_blend(examples)
    settings = LambdaMartSettings(trees=1, learning_rate=1e-9, least_in_leaf=5)
    fitted = lambdamart.fit(examples, blend=blend, settings=settings, seed=1)
    assert fitted.validation == pytest.approx(retrieval_ndcg(examples, blend), abs=1e-6)
    assert fitted.validation > lambdamart.fit(examples, settings=settings, seed=1).validation + 0.1


@pytest.mark.parametrize("damage", ["gone", "cut", "renamed"])
def test_a_damaged_forest_is_refused(tmp_path: Path, damage: str) -> None:
    lambdamart.fit(examples_of(50), settings=LambdaMartSettings(trees=5), seed=1).export(tmp_path)
    path = tmp_path / "lambdamart" / "model.txt"
    text = path.read_text()
    if damage == "gone":
        path.unlink()
    else:
        path.write_text(text[: len(text) // 2] if damage == "cut" else text.replace("transition ", "another "))
    with pytest.raises(InvalidInputError):
        LambdaMart(path)


@pytest.mark.parametrize("text", ["{", "[]", '{"nothing": {"mean": 0, "scale": 1, "weight": 1}}', None])
def test_trees_without_the_blend_that_they_add_to_are_refused(tmp_path: Path, text: str | None) -> None:
    examples = examples_of(50)
    lambdamart.fit(examples, blend=fit_blend(examples), settings=LambdaMartSettings(trees=5), seed=1).export(tmp_path)
    path = tmp_path / "lambdamart" / BLEND
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidInputError, match=BLEND):
        LambdaMart.of_release(tmp_path)


def test_without_examples_rankers_refuse() -> None:
    nothing = examples_of(5).where(np.zeros(5, np.bool_))
    deep = importlib.import_module("training.rankers.deep")
    with pytest.raises(InvalidInputError):
        lambdamart.fit(nothing)
    with pytest.raises(InvalidInputError):
        deep.fit(nothing, ITEMS)


def test_the_deep_ranker_learns_and_its_export_scores_the_same(tmp_path: Path) -> None:
    deep = importlib.import_module("training.rankers.deep")
    examples = examples_of(300)
    fitted = deep.fit(examples, ITEMS, settings=DeepSettings(epochs=8, learning_rate=5e-3), seed=1)
    assert fitted.validation > 0.6
    fitted.export(tmp_path, 7)
    tf = importlib.import_module("training.tensorflow_runtime").load()
    loaded = tf.saved_model.load(str(tmp_path / "models" / "ranker" / "7")).signatures["serving_default"]
    rows = np.arange(20, dtype=np.int32)
    scores = loaded(
        history=tf.constant([[2, 3]]),
        history_actions=tf.constant([[2, 2]]),
        history_ages=tf.constant([[60.0, 5.0]]),
        items=tf.constant(rows + 1),
        dynamic=tf.constant(examples.features[:20]),
    )["scores"].numpy()
    assert np.array_equal(scores, fitted.score(examples.histories[0], NOW, rows, examples.features[:20]))
    empty = loaded(
        history=tf.zeros([1, 0], tf.int32),
        history_actions=tf.zeros([1, 0], tf.int32),
        history_ages=tf.zeros([1, 0]),
        items=tf.constant([1, ITEMS + 50, 0]),
        dynamic=tf.constant(np.full((3, len(RANKING_FEATURES)), np.nan, np.float32)),
    )["scores"].numpy()
    assert np.isfinite(empty).all()


def test_ranked_beats_the_source_it_ranks_and_exports_what_it_serves(tmp_path: Path) -> None:
    sequences = sequences_of(200, 12)
    train, items = sequences.before_last(1), ItemTable.bare(sequences.item_ids)
    knn = importlib.import_module("training.models.item_knn").fit(train, items)
    ranked = fit_ranked(train, items, {"item_knn": knn}, seed=1, budget_seconds=30)
    histories = [train.history(u) for u in range(200)]
    target = sequences.rows[sequences.indptr[1:] - 1]

    def hits(scores: np.ndarray) -> float:
        kept = scores.copy()
        for u, history in enumerate(histories):
            kept[u, history.rows] = -np.inf
        return float((kept.argsort(axis=1)[:, -1] == target).mean())

    now = np.full(200, NOW)
    scores = ranked.scores(histories, now)
    assert scores.shape == (200, ITEMS)
    assert not np.isnan(scores).any()
    assert hits(scores) > hits(knn.scores(histories, now)) + 0.1
    assert np.array_equal(scores, ranked.scores(histories, now))
    ranked.export(tmp_path)
    zeros = np.zeros((1, len(RANKING_FEATURES)), np.float32)
    served = LambdaMart.of_release(tmp_path)
    assert served is not None
    assert served.predict(zeros).shape == (1,)

    tried = try_rules(
        ranked, histories, now, target, {"none": Rules(), "denied": Rules(deny=tuple(sequences.item_ids[:40]))}
    )
    loss = tried["denied"]["ndcg_change"]
    assert isinstance(loss, Interval)
    assert loss.upper < 0
    coverage = tried["denied"]["coverage"]
    assert isinstance(coverage, float)
    assert coverage <= 20 / ITEMS
