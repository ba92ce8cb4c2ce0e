"""The sources of candidates, one file each, and which of them a release offers."""

from collections.abc import Mapping

import numpy as np

from pipeline.ann import AnnIndex, ExactIndex, best
from pipeline.artifacts import AlsFactors, Artifacts
from pipeline.candidates import Source
from pipeline.items import Items
from pipeline.sources.als import Als
from pipeline.sources.best_of_all import popular, trending
from pipeline.sources.item_knn import ItemKnn
from pipeline.sources.new_items import new_items
from pipeline.sources.sequential import Sequential
from pipeline.sources.two_tower import TwoTower

SOURCES = ("two_tower", "sequential", "item_knn", "als", "trending", "new", "popular")
"""Every source, in the order that settles ties of the merge."""

DEFAULT_QUOTAS: Mapping[str, int] = {
    "two_tower": 600,
    "sequential": 300,
    "item_knn": 200,
    "als": 200,
    "trending": 100,
    "new": 50,
    "popular": 200,
}
"""Items asked of each source. Their sum exceeds the total because sources name the same items."""

ALS_ITEMS = 20_000
"""The factorisation is searched exactly over this many of the most popular items: about 1 ms."""


def default_sources(artifacts: Artifacts, index: AnnIndex | None = None) -> tuple[Source, ...]:
    """The sources that the release's files allow. ``index`` searches its item vectors, exactly when left out.

    Cheap enough to be called again whenever the item table changes (popularity, hidden or added items).
    """
    sources: list[Source] = []
    if artifacts.vectors is not None:
        sources.append(TwoTower(index if index is not None else ExactIndex(artifacts.vectors)))
    if artifacts.sequential is not None:
        sources.append(Sequential(artifacts.sequential))
    if artifacts.item_knn is not None:
        sources.append(ItemKnn(artifacts.item_knn))
    if artifacts.als is not None:
        sources.append(Als(artifacts.als, _als_index(artifacts.als, artifacts.items)))
    return (*sources, trending(artifacts.items), new_items(artifacts), popular(artifacts.items))


def _als_index(als: AlsFactors, items: Items) -> ExactIndex:
    if len(als.items) <= ALS_ITEMS:
        return ExactIndex(als.items)
    rows = np.sort(best(items.popular[: len(als.items)], ALS_ITEMS)).astype(np.int32)
    return ExactIndex(als.items[rows], rows)
