"""Items like one item: near its vector, and acted on by the same users."""

import numpy as np

from contracts.errors import NotFoundError
from pipeline.ann import best
from pipeline.candidates import Candidates, Proposal, merge
from pipeline.served import ServedRelease
from pipeline.sources.two_tower import TwoTower

ASKED = 4
"""Times the count that each source is asked for, so that enough is left after filtering."""


def similar_items(served: ServedRelease, item_id: str, count: int, now: float) -> Candidates:
    """Up to ``count`` items; never the item itself, a hidden or a denied one. Popular items of its categories fill up.

    Raises NotFoundError for an item that is neither in the release nor put since.
    """
    artifacts, items = served.artifacts, served.artifacts.items
    row = items.ids.row(item_id)
    if row is None or row in items.hidden:
        raise NotFoundError(f"there is no item {item_id}")
    rows = np.array([row], np.int32)
    vector = artifacts.vectors_of(rows)[0]
    proposals = {
        source.name: source.index.search(vector, count * ASKED + 1)
        for source in served.sources
        if isinstance(source, TwoTower) and vector.any()
    }
    if artifacts.item_knn is not None and row < len(artifacts.item_knn):
        neighbours, weights = artifacts.item_knn.weighted_sum(rows, np.ones(1, np.float32))
        top = best(weights, count * ASKED)
        proposals["item_knn"] = Proposal(neighbours[top].astype(np.int32), weights[top].astype(np.float32))
    if sum(len(proposal.rows) for proposal in proposals.values()) < count * ASKED:
        alike = [items.rows_in(name) for name in items.categories_of(row)] or [np.arange(len(items), dtype=np.int32)]
        pool = np.unique(np.concatenate(alike)).astype(np.int32)
        top = best(items.popular[pool], count * ASKED)
        proposals["category"] = Proposal(pool[top], items.popular[pool][top])
    everything = np.unique(np.concatenate([proposal.rows for proposal in proposals.values()])).astype(np.int32)
    forbidden = [removed.rows for removed in served.rules.forbid(everything, now)]
    return merge(proposals, tuple(proposals), np.concatenate([rows, *forbidden]).astype(np.int32), count)
