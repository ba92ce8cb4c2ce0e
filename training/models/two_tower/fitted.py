"""A trained two-tower: vectors for histories, and the files of a release."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.release import HISTORY_LENGTH
from pipeline.user import History
from training.models.fitted import Scores
from training.models.two_tower.item_tower import CATEGORIES_READ, ItemTower
from training.models.two_tower.stream import GAP_BUCKETS
from training.models.two_tower.user_tower import UserTower
from training.tensorflow_runtime import load

tf = load()

VECTORS_AT_ONCE = 256


class UserVectors(tf.Module):  # type: ignore[name-defined,misc]
    """The user tower as it serves: only the last place is computed in full, item vectors lie ready in a table."""

    def __init__(
        self,
        tower: UserTower,
        table: npt.NDArray[np.float32],
        mean: npt.NDArray[np.float32],
        spread: npt.NDArray[np.float32],
        *,
        window: int,
        ordered: bool,
    ) -> None:
        super().__init__(name="user_vectors")
        self._tower = tower
        self._table = tf.Variable(table, trainable=False, name="items")
        self._mean, self._spread = tf.constant(mean), tf.constant(spread)
        self._ordered, self._window = ordered, window
        signature = {
            "items": tf.TensorSpec([None, None], tf.int32, "items"),
            "actions": tf.TensorSpec([None, None], tf.int32, "actions"),
            "ages": tf.TensorSpec([None, None], tf.float32, "ages"),
            "features": tf.TensorSpec([None, len(mean)], tf.float32, "features"),
        }
        self.serve = tf.function(self._serve, input_signature=list(signature.values()))

    def refresh(self, table: npt.NDArray[np.float32]) -> None:
        """Puts new item vectors in place."""
        self._table.assign(table)

    def _serve(self, items: Any, actions: Any, ages: Any, features: Any) -> dict[str, Any]:
        items, actions, ages = (values[:, -self._window :] for values in (items, actions, ages))
        # An item that this release does not know counts as padding; one empty place makes any length at least 1.
        items = tf.pad(tf.where(items < tf.shape(self._table)[0], tf.maximum(items, 0), 0), [[0, 0], [1, 0]])
        actions, ages = tf.pad(actions, [[0, 0], [1, 0]]), tf.pad(ages, [[0, 0], [1, 0]])
        real = items > 0
        if self._ordered:
            gap = ages - tf.pad(ages[:, 1:], [[0, 0], [0, 1]])
            bucket = 2 + tf.cast(tf.floor(tf.math.log(tf.maximum(gap, 1.0)) / np.log(2.0) + 1e-6), tf.int32)
            gaps = tf.where(real, tf.where(gap > 0, tf.minimum(bucket, GAP_BUCKETS - 1), 1), 0)
        else:
            gaps = tf.zeros_like(items)
        actions = tf.where(real, tf.clip_by_value(actions, 0, self._tower.actions.shape[0] - 1), 0)
        normal = (features - self._mean) / self._spread
        normal = tf.where(tf.math.is_finite(normal), normal, 0.0)
        request = tf.repeat(normal[:, None], tf.shape(items)[1], axis=1)
        place = tf.range(tf.shape(items)[1])
        reach = place[:, None] >= place[None, :] if self._ordered else tf.ones_like(place[:, None] + place[None, :]) > 0
        allowed = tf.cast(reach[None] & real[:, None, :], tf.float32)
        vectors = tf.gather(self._table, items)
        return {"vector": self._tower(vectors, actions, gaps, allowed, request, last=True)[:, 0]}


@dataclass(frozen=True)
class FittedTwoTower:
    """``item_vectors`` float32[n, d]; ``feature_names`` the user features read, in order; ``actions`` those it was
    trained on. ``earlier`` is the same tower before it saw the actions that ``fit`` was told to hold back."""

    item_vectors: npt.NDArray[np.float32]
    users: UserVectors
    item_tower: ItemTower
    category_names: list[str]
    feature_names: tuple[str, ...]
    variant: str
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    actions: int = 0
    earlier: "FittedTwoTower | None" = None

    def vectors(
        self,
        histories: Sequence[History],
        now: npt.NDArray[np.float64],
        features: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """User vectors float32[b, d]; ``features`` float32[b, F], NaN (or None) where unknown."""
        if features is None:
            features = np.full((len(histories), len(self.feature_names)), np.nan, np.float32)
        parts = []
        for start in range(0, len(histories), VECTORS_AT_ONCE):
            span = slice(start, start + VECTORS_AT_ONCE)
            inputs = padded(histories[span], now[span])
            parts.append(self.users.serve(*inputs, features[span].astype(np.float32))["vector"].numpy())
        return np.concatenate(parts) if parts else np.empty((0, self.item_vectors.shape[1]), np.float32)

    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:
        """float32[b, n], inner products."""
        return np.asarray(self.vectors(histories, now) @ self.item_vectors.T, np.float32)

    def export(self, release_dir: Path, version: int = 1) -> None:
        """``models/user_tower/<version>/`` (SavedModel), ``vectors/items.npy`` and ``vectors/new_item_model/``."""
        folder = release_dir / "models" / "user_tower" / str(version)
        folder.parent.mkdir(parents=True, exist_ok=True)
        tf.saved_model.save(self.users, str(folder), signatures={"serving_default": self.users.serve})
        new_items = release_dir / "vectors" / "new_item_model"
        new_items.mkdir(parents=True, exist_ok=True)
        np.save(release_dir / "vectors" / "items.npy", self.item_vectors)
        tower = self.item_tower
        np.save(new_items / "unknown.npy", tower.unknown.numpy())
        np.save(new_items / "categories.npy", tower.category_table.numpy()[1:])
        np.save(new_items / "years.npy", tower.year_table.numpy())
        settings = {
            "vector": "unknown + mean(categories of the item, the first categories_read) + year; an unknown year is 0",
            "category_names": self.category_names,
            "years": [int(year) for year in tower.years],
            "categories_read": CATEGORIES_READ,
        }
        (new_items / "settings.json").write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n")


def padded(
    histories: Sequence[History], now: npt.NDArray[np.float64], length: int = HISTORY_LENGTH
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Items + 1, actions and ages in seconds, each [b, L], latest last, left-padded; L is the longest history's, at
    most ``length``, rounded up to a power of two so that few shapes occur."""
    recent = [history.last(length) for history in histories]
    lengths = np.asarray([len(history) for history in recent], np.int64)
    longest = int(lengths.max(initial=1))
    width = min(1 << max(longest - 1, 0).bit_length(), length)
    items = np.zeros((len(recent), width), np.int32)
    actions = np.zeros((len(recent), width), np.int32)
    ages = np.zeros((len(recent), width), np.float32)
    row = np.repeat(np.arange(len(recent)), lengths)
    within = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    column = width - np.repeat(lengths, lengths) + within
    if len(row):
        items[row, column] = np.concatenate([history.rows for history in recent]) + 1
        actions[row, column] = np.concatenate([history.actions for history in recent])
        times = np.concatenate([history.times for history in recent])
        ages[row, column] = np.maximum(now[row] - times, 0.0)
    return items, actions, ages
