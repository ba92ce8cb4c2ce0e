"""What is kept of an item × item matrix."""

import numpy as np
from scipy import sparse

from training.models.item_weights import top_of_sparse


def test_of_equal_entries_the_first_columns_stay() -> None:
    block = sparse.csr_matrix(np.array([[1, 3, 1, 1, 2], [0, 0, 5, 0, 4]], np.float32))
    kept = top_of_sparse(block, 3)
    assert kept.toarray().tolist() == [[1, 3, 0, 0, 2], [0, 0, 5, 0, 4]]


def test_unsorted_columns_come_out_sorted() -> None:
    data, columns = np.array([2, 1, 1, 3], np.float32), np.array([4, 3, 0, 1], np.int32)
    kept = top_of_sparse(sparse.csr_matrix((data, columns, np.array([0, 4])), shape=(1, 5)), 3)
    assert kept.indices.tolist() == [0, 1, 4]
    assert kept.data.tolist() == [1, 3, 2]
