"""The items: where they lie in the space of tastes, when they appear, how they age, what follows them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.randomness import Floats, Ints, unit
from simulator.settings import DAY, WorldSettings
from simulator.titles import CATEGORIES, titles

DIMENSIONS = 16
SUCCESSORS = 12
"""Items that tend to follow an item, likeliest first."""

EVERGREEN = 0.15
"""Share of its first appeal that an item keeps for ever."""


@dataclass(frozen=True)
class Catalogue:
    """Arrays over items [n]. ``born`` is epoch seconds, ``lifetime`` seconds, ``quality`` the log of the appeal."""

    vectors: Floats
    centres: Floats
    category: Ints
    second: Ints
    quality: Floats
    swapped: Floats
    born: NDArray[np.float64]
    lifetime: NDArray[np.float64]
    price: Floats
    successors: Ints
    titles: list[str]
    ids: list[str]

    @classmethod
    def grow(cls, settings: WorldSettings) -> "Catalogue":
        """Draws the catalogue of a world. A third of the items appear within the generated days (none when quiet)."""
        rng = np.random.default_rng([settings.seed, 1])
        count, kinds = settings.items, len(CATEGORIES)
        centres = unit(rng.standard_normal((kinds, DIMENSIONS), dtype=np.float32))
        share = rng.dirichlet(np.full(kinds, 3.0))
        category = rng.choice(kinds, count, p=share)
        second = np.where(rng.random(count) < 0.4, rng.choice(kinds, count, p=share), -1)
        second[second == category] = -1
        noise = unit(rng.standard_normal((count, DIMENSIONS), dtype=np.float32))
        other = np.where(second[:, None] >= 0, centres[second], 0).astype(np.float32)
        vectors = unit(centres[category] + 0.5 * other + 0.75 * noise)
        quality = rng.standard_normal(count, dtype=np.float32)
        later = (rng.random(count) < 0.33) & (not settings.quiet)
        before = settings.start - rng.exponential(200.0, count) * DAY - DAY
        born = np.where(later, rng.uniform(settings.start, settings.end, count), before)
        lifetime = rng.lognormal(np.log(20.0), 0.8, count) * DAY
        price = np.round(rng.lognormal(2.7, 0.6, count), 2).astype(np.float32)
        return cls(
            vectors, centres, category, second, quality, rng.permutation(quality), born,
            lifetime if not settings.quiet else np.full(count, np.inf), price,
            _successors(vectors, category, rng), titles(category, rng), [f"i{number}" for number in range(count)],
        )  # fmt: skip

    def log_appeal(self, items: Ints, time: NDArray[np.float64] | float, shift_time: float) -> Floats:
        """Log of the items' pull at ``time`` (epoch seconds, broadcast): quality, fading; -inf before birth."""
        age = time - self.born[items]
        fresh = EVERGREEN + (1 - EVERGREEN) * np.exp(-np.maximum(age, 0.0) / self.lifetime[items])
        quality = np.where(np.asarray(time) >= shift_time, self.swapped[items], self.quality[items])
        return np.where(age >= 0, quality + np.log(fresh), -np.inf).astype(np.float32)


def _successors(vectors: Floats, category: Ints, rng: np.random.Generator) -> Ints:
    """For each item, neighbours of its category in the order in which people go on to them. int64 [n, SUCCESSORS]."""
    found = np.empty((len(vectors), SUCCESSORS), np.int64)
    for kind in np.unique(category):
        members = np.flatnonzero(category == kind)
        for block in np.array_split(members, max(1, len(members) // 2048)):
            likeness = vectors[block] @ vectors[members].T
            likeness += 0.15 * rng.standard_normal(likeness.shape, dtype=np.float32)
            likeness[block[:, None] == members[None, :]] = -np.inf
            width = min(SUCCESSORS, len(members))
            nearest = np.argpartition(-likeness, width - 1, axis=1)[:, :width]
            rank = np.argsort(-np.take_along_axis(likeness, nearest, axis=1), axis=1)
            chosen = members[np.take_along_axis(nearest, rank, axis=1)]
            found[block] = chosen[:, np.arange(SUCCESSORS) % width]
    return found
