import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from contracts.errors import InvalidInputError
from pipeline.user import History
from tests.training.models.asking import hit_rate
from tests.training.models.conftest import planted
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.datasets.user_features import UserFeatures
from training.models import popular, two_tower
from training.models.two_tower import FittedTwoTower, TwoTowerSettings
from training.models.two_tower.model import Negatives, sampling_probabilities
from training.models.two_tower.settings import Variant
from training.models.two_tower.stream import Stream, gap_buckets
from training.models.two_tower.user_tower import Dropout
from training.tensorflow_runtime import load

tf = load()


def quick(variant: Variant, passes: float = 12) -> TwoTowerSettings:
    """Small enough for seconds on one core."""
    return TwoTowerSettings(
        variant=variant, size=16, heads=2, window=20, batch_windows=16, hidden=32, dropout=0.0, passes=passes,
        learning_rate=2e-2, validations=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pooled(ring: Sequences, ring_items: ItemTable) -> FittedTwoTower:
    return two_tower.fit(ring.before_last(), ring_items, settings=quick("pooled"), seed=5, budget_seconds=120)


def test_pooled_towers_beat_popularity(pooled: FittedTwoTower, ring: Sequences, ring_items: ItemTable) -> None:
    assert hit_rate(pooled, ring) > hit_rate(popular.fit(ring.before_last(), ring_items), ring) + 0.3


def test_causal_towers_beat_popularity(ring: Sequences, ring_items: ItemTable) -> None:
    causal = two_tower.fit(ring.before_last(), ring_items, settings=quick("causal"), seed=5, budget_seconds=120)
    assert hit_rate(causal, ring) > hit_rate(popular.fit(ring.before_last(), ring_items), ring) + 0.3


def test_without_times_a_history_is_a_set_and_still_beats_popularity(ring_items: ItemTable) -> None:
    untimed = planted(timed=False)
    items = ItemTable.from_table(pa.table({"item_id": ring_items.item_ids}), untimed.item_ids)
    fitted = two_tower.fit(untimed.before_last(), items, settings=quick("auto"), seed=5, budget_seconds=120)
    assert fitted.variant == "set"
    baseline = hit_rate(popular.fit(untimed.before_last(), items), untimed, k=12)
    assert hit_rate(fitted, untimed, k=12) > baseline + 0.2
    history = untimed.history(0)
    turned = History(history.rows[::-1], history.actions[::-1], history.times[::-1], ordered=False)
    np.testing.assert_allclose(fitted.vectors([history], np.zeros(1)), fitted.vectors([turned], np.zeros(1)), atol=1e-5)


def test_sampled_negatives_learn_too(ring: Sequences, ring_items: ItemTable) -> None:
    settings = TwoTowerSettings(**(vars(quick("pooled")) | {"full_softmax_items": 0, "negatives": 40}))
    fitted = two_tower.fit(ring.before_last(), ring_items, settings=settings, seed=5, budget_seconds=120)
    assert hit_rate(fitted, ring) > 0.4


def test_training_reports_curves_and_speed(pooled: FittedTwoTower) -> None:
    assert {"loss", "validation ndcg@10", "examples_per_second"} <= set(pooled.curves)
    losses = [loss for _, loss in pooled.curves["loss"]]
    assert losses[-1] < losses[0]


def test_an_exported_tower_gives_the_same_vectors_in_a_fresh_process(
    pooled: FittedTwoTower, ring: Sequences, tmp_path: Path
) -> None:
    pooled.export(tmp_path, version=42)
    histories = [ring.history(0), ring.history(1).last(3), History.empty()]
    now = np.asarray([ring.times.max() + 30.0] * 3)
    np.save(tmp_path / "expected.npy", pooled.vectors(histories, now))
    items, actions, ages = two_tower.fitted.padded(histories, now)
    np.savez(tmp_path / "inputs.npz", items=items, actions=actions, ages=ages, features=np.zeros((3, 0), np.float32))
    script = """
import sys, numpy as np, tensorflow as tf
room = sys.argv[1]
tower = tf.saved_model.load(room + "/models/user_tower/42").signatures["serving_default"]
inputs = {name: tf.constant(value) for name, value in np.load(room + "/inputs.npz").items()}
difference = np.abs(tower(**inputs)["vector"].numpy() - np.load(room + "/expected.npy")).max()
empty = tower(items=tf.zeros([2, 0], tf.int32), actions=tf.zeros([2, 0], tf.int32), ages=tf.zeros([2, 0]),
              features=tf.zeros([2, 0]))["vector"].numpy()
assert np.isfinite(empty).all()
print(difference)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout.split()[-1]) < 1e-6
    vectors = np.load(tmp_path / "vectors" / "items.npy")
    assert vectors.dtype == np.float32
    assert vectors.shape == (ring.items, 16)
    np.testing.assert_array_equal(vectors, pooled.item_vectors)


def test_padding_on_the_left_and_unknown_items_change_nothing(pooled: FittedTwoTower, ring: Sequences) -> None:
    now = np.asarray([ring.times.max()])
    items, actions, ages = two_tower.fitted.padded([ring.history(0)], now)
    none = np.zeros((1, 0), np.float32)
    plain = pooled.users.serve(items, actions, ages, none)["vector"].numpy()
    wide = [np.pad(values, ((0, 0), (8, 0))) for values in (items, actions, ages)]
    wide[0][0, 0] = 10_000
    np.testing.assert_allclose(pooled.users.serve(*wide, none)["vector"].numpy(), plain, atol=1e-5)


def test_the_last_action_moves_the_vector(pooled: FittedTwoTower, ring: Sequences) -> None:
    now = np.asarray([ring.times.max()] * 2)
    before, after = pooled.vectors([ring.history(0, end=-1), ring.history(0)], now)
    assert np.abs(before - after).max() > 0.01


def test_an_item_that_training_never_saw_has_a_vector_from_its_features(ring: Sequences, tmp_path: Path) -> None:
    ids = [*ring.item_ids, "new a", "new b"]
    numbers = [int(item_id.split()[1]) for item_id in ring.item_ids]
    table = pa.table({"item_id": ids, "category": [*[[f"part {n // 10}"] for n in numbers], ["part 1"], ["part 4"]]})
    grown = Sequences(ring.user_ids, ids, ring.indptr, ring.rows, ring.actions, ring.times, ring.values, ring.ordered)
    items = ItemTable.from_table(table, ids)
    fitted = two_tower.fit(grown, items, settings=quick("pooled"), seed=5, budget_seconds=120)
    fitted.export(tmp_path)
    new = tmp_path / "vectors" / "new_item_model"
    settings = json.loads((new / "settings.json").read_text())
    categories, unknown, years = (np.load(new / f"{name}.npy") for name in ("categories", "unknown", "years"))
    part = settings["category_names"].index("part 4")
    expected = unknown + categories[part] + years[settings["years"].index(0)]
    np.testing.assert_allclose(fitted.item_vectors[-1], expected, atol=1e-5)
    at_40 = grown.item_ids.index("item 40")
    history = History(np.asarray([at_40], np.int32), np.asarray([2], np.int8), np.asarray([1.7e9]))
    scores = fitted.scores([history], np.asarray([1.7e9 + 60]))[0]
    assert scores[-1] > scores[-2]


@pytest.mark.parametrize("full_softmax_items", [0, 1000])
def test_what_nobody_has_met_is_no_negative(full_softmax_items: int) -> None:
    probabilities = sampling_probabilities(np.array([0, 3, 0, 8, 0]))
    settings = replace(quick("pooled"), negatives=200, full_softmax_items=full_softmax_items)
    assert Negatives(probabilities, settings, seed=1).draw()[0].tolist() == [2, 4]


def test_user_features_are_read_and_missing_ones_are_not_fatal(ring: Sequences, ring_items: ItemTable) -> None:
    values = np.random.default_rng(0).normal(size=(len(ring), 2)).astype(np.float32)
    values[::7, 0] = np.nan
    features = UserFeatures(("clicks_7d", "days_since_first"), values)
    fitted = two_tower.fit(
        ring, ring_items, settings=quick("pooled", passes=2), seed=5, budget_seconds=60, user_features=features
    )
    history, now = [ring.history(0)] * 2, np.asarray([ring.times.max()] * 2)
    known, missing = fitted.vectors(history, now, np.asarray([[3.0, -3.0], [np.nan, np.nan]], np.float32))
    assert np.isfinite(missing).all()
    assert np.abs(known - missing).max() > 1e-4


def test_five_items_and_one_interaction_a_user() -> None:
    tiny = planted(users=12, items=5, length=4)
    single = tiny.keep(tiny.place == 0)
    fitted = two_tower.fit(
        single, ItemTable.bare(single.item_ids), settings=quick("auto", passes=1), seed=1, budget_seconds=20
    )
    scores = fitted.scores([single.history(0), History.empty()], single.times[:2])
    assert scores.shape == (2, 5)
    assert np.isfinite(scores).all()


def test_no_interactions_are_refused(ring: Sequences, ring_items: ItemTable) -> None:
    with pytest.raises(InvalidInputError, match="the two-tower needs some"):
        two_tower.fit(ring.keep(np.zeros(len(ring), bool)), ring_items)


def test_every_action_is_in_a_pass_once_after_its_predecessor(ring: Sequences) -> None:
    stream = Stream(ring, np.zeros((len(ring), 0), np.float32), window=16, batch=4, seed=0)
    batches = stream.batches()
    seen = 0
    for _ in range(-(-stream.windows // stream.batch)):
        batch = next(batches)
        target = (batch.users[:, :-1] == batch.users[:, 1:]) & (batch.items[:, 1:] > 0)
        seen += int(target.sum())
    extra = -(-stream.windows // stream.batch) * stream.batch - stream.windows
    assert len(ring) <= seen <= len(ring) + extra * 16


def test_gaps_are_unknown_after_the_last_action_and_logarithmic_before(ring: Sequences) -> None:
    gaps = gap_buckets(ring)
    assert (gaps[ring.indptr[1:] - 1] == 0).all()
    assert set(gaps[:-1][ring.place[1:] > 0]) == {2 + 5}


@pytest.mark.parametrize(
    ("actions", "budget", "expected"),
    [(1_000_000, 2700.0, "pooled"), (1_000_000, 7200.0, "causal"), (20_000, 180.0, "causal")],
)
def test_the_variant_follows_data_and_budget(actions: int, budget: float, expected: str) -> None:
    assert TwoTowerSettings().resolved(actions, True, budget, 6e10).variant == expected


def test_on_a_slower_machine_the_quick_variant_is_chosen() -> None:
    assert TwoTowerSettings().resolved(1_000_000, True, 7200.0, 6e9).variant == "pooled"


def test_what_is_held_back_moves_the_tower_but_not_its_earlier_self(ring: Sequences, ring_items: ItemTable) -> None:
    last_two = np.repeat(ring.lengths, ring.lengths) - ring.place <= 2
    settings = quick("pooled", passes=4)
    fitted = two_tower.fit(ring, ring_items, settings=settings, seed=5, budget_seconds=120, held_back=last_two)
    earlier = fitted.earlier
    assert earlier is not None
    assert (earlier.actions, fitted.actions) == (len(ring) - int(last_two.sum()), len(ring))
    history, now = [ring.history(0)], ring.times[-1:]
    before = earlier.vectors(history, now)
    assert np.abs(before - fitted.vectors(history, now)).max() > 1e-4
    assert np.abs(earlier.item_vectors - fitted.item_vectors).max() > 1e-4
    np.testing.assert_array_equal(before, earlier.vectors(history, now))


def test_dropout_keeps_the_mean_and_the_share_and_is_nothing_outside_training() -> None:
    ones = np.ones((333, 7), np.float32)
    layer = Dropout(0.25, seed=3)
    np.testing.assert_array_equal(layer(ones), ones)
    dropped = layer(ones, training=True).numpy()
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(4 / 3)}
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.05)

    @tf.function  # type: ignore[untyped-decorator]
    def of_one_step() -> Any:
        return layer(ones, training=True), layer(ones, training=True)

    first, second = (mask.numpy() for mask in of_one_step())
    assert (first != second).mean() == pytest.approx(0.375, abs=0.05)
