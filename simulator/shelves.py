"""A day's items by category and appeal, from which many can be drawn at once."""

import numpy as np
from numpy.typing import NDArray

from simulator.catalogue import Catalogue
from simulator.randomness import Ints

NEW_SECONDS = 3 * 86_400.0


class Shelves:
    """Items that exist at ``start`` (epoch seconds), drawn in proportion to their appeal."""

    def __init__(self, catalogue: Catalogue, start: float, shift_time: float) -> None:
        everything = np.arange(len(catalogue.category))
        self._order = np.argsort(catalogue.category, kind="stable")
        weight = np.exp(catalogue.log_appeal(everything, start, shift_time).astype(np.float64))[self._order]
        self._cumulative = np.cumsum(weight)
        bounds = np.searchsorted(catalogue.category[self._order], np.arange(len(catalogue.centres) + 1))
        edges = np.concatenate([[0.0], self._cumulative])
        self._low, self._high = edges[bounds[:-1]], edges[bounds[1:]]
        self.available = np.flatnonzero(catalogue.born <= start)
        age = start - catalogue.born[self.available]
        self.new = self.available[age < NEW_SECONDS]

    def popular(self, shape: tuple[int, ...], rng: np.random.Generator) -> Ints:
        """Items of any category, int64 of ``shape``."""
        return self._at(rng.random(shape) * self._cumulative[-1])

    def of_category(self, kinds: NDArray[np.integer], width: int, rng: np.random.Generator) -> Ints:
        """``width`` items of each row's category, int64 [n, width]. A category without items gives popular ones."""
        low, high = self._low[kinds][:, None], self._high[kinds][:, None]
        empty = high <= low
        low, high = np.where(empty, 0.0, low), np.where(empty, self._cumulative[-1], high)
        return self._at(low + rng.random((len(kinds), width)) * (high - low))

    def fresh(self, shape: tuple[int, ...], rng: np.random.Generator) -> Ints:
        """Items of the last three days, popular ones where there are none."""
        return rng.choice(self.new, shape) if len(self.new) else self.popular(shape, rng)

    def _at(self, points: NDArray[np.float64]) -> Ints:
        found = np.searchsorted(self._cumulative, points, side="right")
        return self._order[np.minimum(found, len(self._order) - 1)]
