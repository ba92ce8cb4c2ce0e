"""Sets of rows are those that numpy finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rows import among, by_first, union

Lists = st.lists(st.integers(0, 50), max_size=30)


def rows_of(listed: list[int]) -> np.ndarray:
    return np.array(listed, np.int32)


@given(st.lists(Lists, max_size=4))
def test_a_union_holds_every_row_once_ascending(parts: list[list[int]]) -> None:
    found = union([rows_of(part) for part in parts])
    assert found.dtype == np.int32
    assert found.tolist() == sorted({row for part in parts for row in part})


@given(Lists, Lists)
def test_among_is_membership(rows: list[int], chosen: list[int]) -> None:
    assert among(rows_of(rows), union([rows_of(chosen)])).tolist() == [row in chosen for row in rows]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_a_row_counts_for_the_first_check_that_hits_it(order: tuple[str, str]) -> None:
    rows = rows_of([3, 1, 2])
    hits = {"a": np.array([True, True, False]), "b": np.array([False, True, False])}
    found = by_first(rows, [(name, hits[name]) for name in order])
    assert [(name, hit.tolist()) for name, hit in found] == {
        ("a", "b"): [("a", [3, 1])],
        ("b", "a"): [("b", [1]), ("a", [3])],
    }[order]
