"""The item tower: id, categories and year of an item become its vector."""

from typing import Any

import numpy as np
import numpy.typing as npt

from training.datasets.items import ItemTable
from training.models.two_tower.settings import TwoTowerSettings
from training.tensorflow_runtime import load

tf = load()

CATEGORIES_READ = 8
"""Categories of an item that are read, the first ones."""
FEW_CATEGORIES = 64
"""Up to so many in all, an item's mean of category vectors is a product with a dense matrix: quicker than lookups."""


def category_columns(items: ItemTable) -> npt.NDArray[np.int32]:
    """Category codes + 1 of each item, 0 where there are fewer, int32[n, CATEGORIES_READ or fewer]."""
    lengths = np.diff(items.category_indptr)
    width = int(min(lengths.max(initial=0), CATEGORIES_READ))
    columns = np.zeros((len(items), width), np.int32)
    within = np.arange(len(items.category_indices)) - np.repeat(items.category_indptr[:-1], lengths)
    row = np.repeat(np.arange(len(items)), lengths)
    kept = within < width
    columns[row[kept], within[kept]] = items.category_indices[kept] + 1
    return columns


class ItemTower(tf.keras.layers.Layer):  # type: ignore[name-defined,misc]
    """Vector = (id or, for an item that training never saw, one shared vector) + mean of category vectors + year.

    The last coordinate is the item's bias, as the user tower's is 1. Row 0 is padding, row ``r + 1`` item row ``r``.
    """

    def __init__(self, items: ItemTable, seen: npt.NDArray[np.bool_], settings: TwoTowerSettings, seed: int) -> None:
        super().__init__(name="item_tower")
        size = settings.size
        initial = tf.keras.initializers.RandomNormal(stddev=0.02, seed=seed)
        years = np.unique(np.concatenate(([0], items.year))).astype(np.int32)
        self.years = years
        self.ids = self.add_weight("ids", (len(items) + 1, size), initializer=initial)
        self.unknown = self.add_weight("unknown", (size,), initializer="zeros")
        names = len(items.category_names)
        self.category_table = self.add_weight("categories", (names + 1, size), initializer="zeros", trainable=names > 0)
        self.year_table = self.add_weight("years", (len(years), size), initializer="zeros")
        padded = np.pad(category_columns(items), ((1, 0), (0, 0)))
        self._categories = tf.constant(padded)
        share = (1.0 / np.maximum((padded > 0).sum(axis=1), 1)).astype(np.float32)
        self._share = tf.constant(share)
        self._dense: Any = None
        if 0 < names <= FEW_CATEGORIES:
            dense = np.zeros((len(padded), names + 1), np.float32)
            np.add.at(dense, (np.arange(len(padded))[:, None], padded), share[:, None])
            dense[:, 0] = 0.0
            self._dense = tf.constant(dense)
        self._year = tf.constant(np.pad(np.searchsorted(years, items.year), (1, 0)).astype(np.int32))
        self._seen = tf.constant(np.pad(seen, (1, 0)).astype(np.float32))
        self._dropout = settings.id_dropout

    def call(self, ids: Any, training: bool = False) -> Any:
        """Vectors [..., size] of item rows + 1; zero for padding. In training a share of ``ids`` loses its id."""
        flat = tf.reshape(ids, [-1])
        known = tf.gather(self._seen, flat)
        if training and self._dropout:
            known *= tf.cast(tf.random.uniform(tf.shape(flat)) >= self._dropout, tf.float32)
        known = known[:, None]
        vector = known * tf.gather(self.ids, flat) + (1.0 - known) * self.unknown
        vector += tf.gather(self.year_table, tf.gather(self._year, flat))
        if self._dense is not None:
            vector += tf.matmul(tf.gather(self._dense, flat), self.category_table)
        elif self._categories.shape[1]:
            codes = tf.gather(self._categories, flat)
            named = tf.cast(codes > 0, tf.float32)[..., None]
            categories = tf.reduce_sum(tf.gather(self.category_table, codes) * named, axis=1)
            vector += categories * tf.gather(self._share, flat)[:, None]
        vector *= tf.cast(flat > 0, tf.float32)[:, None]
        return tf.reshape(vector, tf.concat([tf.shape(ids), [vector.shape[-1]]], axis=0))

    def table(self) -> npt.NDArray[np.float32]:
        """Vectors of padding and all items, float32[n + 1, size]."""
        n = int(self.ids.shape[0])
        parts = [self(tf.range(start, min(start + 65_536, n))).numpy() for start in range(0, n, 65_536)]
        return np.concatenate(parts).astype(np.float32)
