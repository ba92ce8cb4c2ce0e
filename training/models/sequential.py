"""A sequential linear model: what was done lately regressed on what came next, in closed form.

"SLIT" of Choi et al., Session-aware Linear Item-Item Models (WWW 2021). Above the dense limit decayed transition
counts take its place. Unordered data has no next item: then it is the plain regression of an item on the others.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models import item_knn
from training.models.closed_form import DENSE_LIMIT, precision, solve
from training.models.fitted import Progress, silent
from training.models.item_weights import ItemWeights, blocks, relative_popularity, top_of_dense, top_of_sparse


@dataclass(frozen=True)
class SequentialSettings:
    """Half-lives and windows are counted in actions; ``kept`` weights a source item are exported and served.
    ``shrinkage`` (in actions) and ``pairs_at_once`` (bounds memory) are of the sparse form."""

    past: int = 20
    past_half_life: float = 3.0
    ahead: int = 3
    ahead_half_life: float = 2.0
    ridge: float = 300.0
    kept: int = 300
    shrinkage: float = 10.0
    dense_items: int = DENSE_LIMIT
    pairs_at_once: int = 20_000_000


def fit(
    sequences: Sequences,
    items: ItemTable,
    *,
    settings: SequentialSettings | None = None,
    seed: int = 0,
    budget_seconds: float = 0.0,
    progress: Progress = silent,
) -> ItemWeights:
    """Weights from a source item to those that follow it, the largest ``kept`` a row. Unordered data falls back to
    item neighbours under this name."""
    settings = settings or SequentialSettings()
    popularity = relative_popularity(sequences.counts())
    if not sequences.ordered:
        neighbours = item_knn.fit(sequences, items, seed=seed, budget_seconds=budget_seconds, progress=progress)
        return ItemWeights(neighbours.weights, popularity, folder="sequential")
    if sequences.items <= settings.dense_items:
        weights = _regression(sequences, settings, progress)
    else:
        weights = _transitions(sequences, settings, progress)
    return ItemWeights(weights, popularity, "sequential", settings.past_half_life, settings.past)


def _regression(sequences: Sequences, settings: SequentialSettings, progress: Progress) -> sparse.csr_matrix:
    """``(XᵀX + ridge·I)⁻¹ XᵀY``: X holds the decayed past at every position with a next item, Y what lies ahead.
    Of the first matrix only the lower triangle is filled."""
    n = sequences.items
    gram = np.zeros((n, n), precision(n), order="F")
    right = np.zeros((n, n), precision(n), order="F")
    past = 2.0 ** (-np.arange(settings.past) / settings.past_half_life)
    from_end = np.repeat(sequences.lengths, sequences.lengths) - 1 - sequences.place
    every = np.arange(len(sequences))
    for lag in range(settings.past):
        later = every[(sequences.place >= lag) & (from_end > 0)]
        overlap = np.cumsum(past[: settings.past - lag] * past[lag:])
        weight = overlap[np.minimum(from_end[later] - 1, len(overlap) - 1)]
        one, other = sequences.rows[later - lag], sequences.rows[later]
        twice = np.where((one == other) & (lag > 0), 2.0, 1.0)
        _add(gram, np.maximum(one, other), np.minimum(one, other), weight * twice)
    gram[np.diag_indices(n)] += settings.ridge
    for lag, weight in _lag_weights(settings):
        source = every[from_end >= lag]
        _add(right, sequences.rows[source], sequences.rows[source + lag], np.full(len(source), weight))
    progress(f"sequential: solving {n:,} × {n:,}")
    solved = solve(gram, right)
    parts = [top_of_dense(solved[start:stop], settings.kept) for start, stop in blocks(n, 2048)]
    return sparse.vstack(parts, format="csr", dtype=np.float32)


def _transitions(sequences: Sequences, settings: SequentialSettings, progress: Progress) -> sparse.csr_matrix:
    """Decayed counts of (item, later item) over the root of both items' counts, block by block of source items."""
    n = sequences.items
    counts = sequences.counts()
    root = np.sqrt(counts + settings.shrinkage)
    from_end = np.repeat(sequences.lengths, sequences.lengths) - 1 - sequences.place
    by_item = np.argsort(sequences.rows, kind="stable")
    bounds = np.concatenate(([0], np.cumsum(counts)))
    lags = _lag_weights(settings)
    share = np.cumsum(counts * len(lags)) // settings.pairs_at_once
    cuts = [0, *(np.flatnonzero(np.diff(share)) + 1).tolist(), n]
    parts = []
    for start, stop in pairwise(cuts):
        at = by_item[bounds[start] : bounds[stop]]
        sources = [at[from_end[at] >= lag] for lag, _ in lags]
        row = np.concatenate([sequences.rows[s] for s in sources]) - start
        col = np.concatenate([sequences.rows[s + lag] for s, (lag, _) in zip(sources, lags, strict=True)])
        data = np.concatenate([np.full(len(s), w, np.float32) for s, (_, w) in zip(sources, lags, strict=True)])
        block = sparse.coo_matrix((data, (row, col)), shape=(stop - start, n)).tocsr().tocoo()
        scaled = (block.data / (root[block.row + start] * root[block.col])).astype(np.float32)
        parts.append(top_of_sparse(sparse.csr_matrix((scaled, (block.row, block.col)), block.shape), settings.kept))
        progress(f"sequential: {stop:,} of {n:,} items")
    return sparse.vstack(parts, format="csr", dtype=np.float32)


def _lag_weights(settings: SequentialSettings) -> list[tuple[int, float]]:
    """What a pair of actions ``lag`` apart weighs in XᵀY, for every lag with any weight."""
    past = 2.0 ** (-np.arange(settings.past) / settings.past_half_life)
    ahead = 2.0 ** (-np.arange(settings.ahead) / settings.ahead_half_life)
    return list(enumerate(np.convolve(past, ahead).tolist(), start=1))


def _add(
    matrix: npt.NDArray[np.floating],
    source: npt.NDArray[np.int32],
    target: npt.NDArray[np.int32],
    weight: npt.NDArray[np.float64],
) -> None:
    """Adds weighted pairs to a dense matrix, column after column in memory; repeated pairs add up."""
    cells = source + target.astype(np.int64) * len(matrix)
    np.add.at(matrix.reshape(-1, order="F"), cells, weight.astype(matrix.dtype))
