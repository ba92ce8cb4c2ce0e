"""A vector for an item that the release has never seen, from what its features say."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from contracts.catalogue import Item
from contracts.errors import InvalidInputError
from pipeline.artifacts import Artifacts

Vectors = npt.NDArray[np.float32]


class NewItemModel(Protocol):
    """Gives an item its vector before anyone has acted on it."""

    def vectors(self, items: Sequence[Item], years: npt.NDArray[np.int32]) -> Vectors:
        """float32[m, d]; ``years`` int32[m], 0 where unknown."""
        ...


@dataclass(frozen=True)
class ItemTower:
    """The two-tower's item side without ids: ``unknown`` float32[d], plus the mean of the item's categories
    (float32[c, d], the first ``categories_read``), plus its year (float32[y, d] for ``years``)."""

    unknown: Vectors
    categories: Vectors
    year_vectors: Vectors
    category_row: dict[str, int]
    year_row: dict[int, int]
    categories_read: int

    @classmethod
    def load(cls, directory: Path) -> "ItemTower":
        """Reads ``vectors/new_item_model`` of a release. Raises InvalidInputError when it is damaged."""
        try:
            settings = json.loads((directory / "settings.json").read_text())
            return cls(
                np.load(directory / "unknown.npy"),
                np.load(directory / "categories.npy"),
                np.load(directory / "years.npy"),
                {name: row for row, name in enumerate(settings["category_names"])},
                {int(year): row for row, year in enumerate(settings["years"])},
                int(settings["categories_read"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidInputError("new_item_model", f"{directory} cannot be read: {error}") from error

    def vectors(self, items: Sequence[Item], years: npt.NDArray[np.int32]) -> Vectors:
        """See NewItemModel. A category or year that training did not see adds nothing."""
        found = np.repeat(self.unknown[np.newaxis], len(items), axis=0).astype(np.float32)
        for row, item in enumerate(items):
            known = [self.category_row[c] for c in item.category[: self.categories_read] if c in self.category_row]
            if known:
                found[row] += self.categories[known].sum(axis=0) / len(known)
            year = self.year_row.get(int(years[row]), self.year_row.get(0))
            if year is not None:
                found[row] += self.year_vectors[year]
        return found


@dataclass(frozen=True)
class CategoryMeans:
    """Where a release has no item tower: the mean vector of the items that share a category."""

    artifacts: Artifacts

    def vectors(self, items: Sequence[Item], years: npt.NDArray[np.int32]) -> Vectors:  # noqa: ARG002
        """See NewItemModel. The mean of the catalogue for an item of no known category; no columns without vectors."""
        table = self.artifacts.vectors
        if table is None:
            return np.zeros((len(items), 0), np.float32)
        means = {name: self._mean(table, name) for name in {c for item in items for c in item.category}}
        found = np.zeros((len(items), table.shape[1]), np.float32)
        for row, item in enumerate(items):
            known = [mean for name in item.category if (mean := means[name]) is not None]
            found[row] = np.mean(known, axis=0) if known else table.mean(axis=0)
        return found

    def _mean(self, table: Vectors, category: str) -> Vectors | None:
        rows = self.artifacts.items.rows_in(category)
        rows = rows[rows < len(table)]
        return table[rows].mean(axis=0) if len(rows) else None


def new_item_model(release: Path, artifacts: Artifacts) -> NewItemModel:
    """What the release offers. Raises InvalidInputError when it is damaged."""
    directory = release / "vectors" / "new_item_model"
    return ItemTower.load(directory) if directory.is_dir() else CategoryMeans(artifacts)
