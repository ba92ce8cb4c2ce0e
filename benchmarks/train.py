"""Examples a second of the two-tower, against TFRS's tutorial model fed row by row, in the same run."""

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.result import Figure
from training.datasets.files import read_tables
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models import two_tower
from training.models.two_tower import TwoTowerSettings
from training.tensorflow_runtime import load, load_recommenders

TUTORIAL_BATCH = 8192
TUTORIAL_SIZE = 32


def run(argv: Sequence[str]) -> list[Figure]:
    """Options: ``--data PATH`` (default: synthetic), ``--seconds N`` for each of the two."""
    parser = argparse.ArgumentParser(prog="headwater bench train")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args(list(argv))
    sequences = _sequences(options.data)
    items = ItemTable.bare(sequences.item_ids)
    ours = two_tower.fit(
        sequences,
        items,
        settings=TwoTowerSettings(variant="pooled", validation_users=0, passes=1e9),
        seed=7,
        budget_seconds=options.seconds,
    ).curves["examples_per_second"][-1][1]
    tutorial = _tutorial(sequences, options.seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Figure("two_tower_examples_per_second", ours, "examples/s", "TFRS tutorial, per-row tf.data", tutorial),
        Figure("two_tower_peak_memory", peak, "MiB"),
    ]


def _sequences(data: Path | None) -> Sequences:
    if data is not None:
        return Sequences.from_table(read_tables(data).interactions)
    random = np.random.default_rng(7)
    actions = 300_000
    columns = {
        "user_id": random.integers(0, 3_000, actions),
        "item_id": (4_000 * random.random(actions) ** 2).astype(np.int64),
        "timestamp": 1_700_000_000 + np.arange(actions),
    }
    return Sequences.from_table(pa.table(columns))


def _tutorial(sequences: Sequences, seconds: float) -> float:
    """Examples a second of "Recommending movies: retrieval" (tensorflow.org/recommenders): StringLookup and Embedding
    towers, in-batch softmax, Adagrad, ids as text mapped row by row. Compilation is not counted."""
    tf, tfrs = load(), load_recommenders()

    def tower(ids: list[str]) -> Any:
        lookup = tf.keras.layers.StringLookup(vocabulary=ids, mask_token=None)
        return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(len(ids) + 1, TUTORIAL_SIZE)])

    class Tutorial(tfrs.Model):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.users, self.items = tower(sequences.user_ids), tower(sequences.item_ids)
            self.task = tfrs.tasks.Retrieval()

        def compute_loss(self, features: dict[str, Any], training: bool = False) -> Any:
            return self.task(
                self.users(features["user_id"]), self.items(features["item_id"]), compute_metrics=not training
            )

    columns = {
        "user_id": np.asarray(sequences.user_ids)[sequences.user_of],
        "item_id": np.asarray(sequences.item_ids)[sequences.rows],
    }
    rows = tf.data.Dataset.from_tensor_slices(columns)
    rows = rows.map(lambda row: {"user_id": row["user_id"], "item_id": row["item_id"]})
    batches = rows.shuffle(100_000, seed=7).batch(TUTORIAL_BATCH, drop_remainder=True).repeat()
    model = Tutorial()
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.5))
    step = tf.function(model.train_step)
    source = iter(batches)
    step(next(source))
    started, examples = time.monotonic(), 0
    while time.monotonic() - started < seconds:
        step(next(source))
        examples += TUTORIAL_BATCH
    return examples / (time.monotonic() - started)
