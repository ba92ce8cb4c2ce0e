"""Item neighbours by cosine over the users they share (Sarwar et al., WWW 2001), sparse throughout."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models.fitted import Progress, silent
from training.models.interactions import interaction_matrix
from training.models.item_weights import ItemWeights, blocks, relative_popularity, top_of_sparse


@dataclass(frozen=True)
class ItemKnnSettings:
    """``neighbours`` kept an item; ``shrinkage`` (in users) damps pairs that few share; ``user_cap`` actions a user."""

    neighbours: int = 200
    shrinkage: float = 10.0
    user_cap: int = 1000
    block: int = 2048


def fit(
    sequences: Sequences,
    items: ItemTable,  # noqa: ARG001
    *,
    settings: ItemKnnSettings | None = None,
    seed: int = 0,  # noqa: ARG001
    budget_seconds: float = 0.0,  # noqa: ARG001
    progress: Progress = silent,
) -> ItemWeights:
    """``users(i, j) / (sqrt(users(i) * users(j)) + shrinkage)``, an item not its own neighbour."""
    settings = settings or ItemKnnSettings()
    by_user = interaction_matrix(sequences, user_cap=settings.user_cap)
    by_item = by_user.T.tocsr()
    users = np.asarray(by_user.sum(axis=0)).ravel()
    parts = []
    for start, stop in blocks(sequences.items, settings.block):
        shared = by_item[start:stop] @ by_user
        row = np.repeat(np.arange(start, stop), np.diff(shared.indptr))
        shared.data /= np.sqrt(users[row] * users[shared.indices]) + settings.shrinkage
        shared.data[row == shared.indices] = 0
        neighbours = top_of_sparse(shared, settings.neighbours)
        neighbours.eliminate_zeros()
        parts.append(neighbours)
        progress(f"item_knn: {stop:,} of {sequences.items:,} items")
    weights = sparse.vstack(parts, format="csr", dtype=np.float32)
    return ItemWeights(weights, relative_popularity(sequences.counts()), folder="item_knn")
