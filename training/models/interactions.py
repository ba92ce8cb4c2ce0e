"""The user × item matrix of a data set."""

import numpy as np
from scipy import sparse

from training.datasets.sequences import Sequences


def interaction_matrix(sequences: Sequences, *, user_cap: int | None = None) -> sparse.csr_matrix:
    """float32[U, n], 1 where the user did anything with the item. ``user_cap`` keeps only a user's latest actions,
    so that one user with a large share of all events neither rules the item pairs nor their cost (its square)."""
    if user_cap is not None:
        from_end = np.repeat(sequences.lengths, sequences.lengths) - sequences.place
        sequences = sequences.keep(from_end <= user_cap)
    shape = (sequences.users, sequences.items)
    matrix = sparse.csr_matrix((np.ones(len(sequences), np.float32), sequences.rows, sequences.indptr), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix
