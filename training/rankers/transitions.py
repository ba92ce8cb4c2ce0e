"""From which item users go directly to which: the ranker's strongest single feature."""

import numpy as np
from scipy import sparse

from pipeline.sparse import SparseRows
from training.datasets.sequences import Sequences

KEPT = 300
"""Next items kept of each item."""
PRIOR = 5.0
"""Transitions added to each item's count, so that a rare item's single successor is no certainty."""


def fit_transitions(sequences: Sequences) -> SparseRows:
    """count(i → j) / (count(i → anything) + PRIOR), the KEPT largest of each item. Empty for data without order."""
    n = sequences.items
    same_user = np.ones(max(len(sequences) - 1, 0), np.bool_)
    starts = sequences.indptr[1:-1]
    same_user[starts[(starts > 0) & (starts < len(sequences))] - 1] = False
    same_user &= sequences.ordered
    source, target = sequences.rows[:-1][same_user], sequences.rows[1:][same_user]
    counts = sparse.coo_matrix((np.ones(len(source), np.float32), (source, target)), shape=(n, n)).tocsr()
    total = np.asarray(counts.sum(axis=1)).ravel()
    owner = np.repeat(np.arange(n), np.diff(counts.indptr))
    share = counts.data / (total[owner] + PRIOR)
    order = np.lexsort((-share, owner))
    rank = np.arange(len(order)) - np.repeat(counts.indptr[:-1], np.diff(counts.indptr))
    kept = np.sort(order[rank < KEPT])
    lengths = np.bincount(owner[kept], minlength=n)
    indptr = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return SparseRows(indptr, counts.indices[kept].astype(np.int32), share[kept].astype(np.float32))
