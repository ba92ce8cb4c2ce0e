from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from contracts.errors import InvalidInputError
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences


def test_actions_are_sorted_by_user_and_time_and_ties_stand_as_in_the_file() -> None:
    table = pa.table({"user_id": ["b", "a", "b", "b"], "item_id": ["x", "y", "z", "w"], "timestamp": [20, 5, 10, 10]})
    sequences = Sequences.from_table(table)
    assert sequences.user_ids == ["b", "a"]
    assert [sequences.item_ids[r] for r in sequences.history(0).rows] == ["z", "w", "x"]
    assert sequences.history(0).times.tolist() == [10.0, 10.0, 20.0]


def test_times_are_read_as_timestamps_seconds_and_milliseconds() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    forms = [
        pa.array([moment], pa.timestamp("us", "UTC")),
        pa.array([int(moment.timestamp())]),
        pa.array([int(moment.timestamp() * 1000)]),
    ]
    for form in forms:
        table = pa.table({"user_id": ["a"], "item_id": ["x"], "timestamp": form})
        assert Sequences.from_table(table).times[0] == moment.timestamp()


def test_without_times_a_history_is_unordered() -> None:
    sequences = Sequences.from_table(pa.table({"user_id": [1, 1], "item_id": [7, 8]}))
    assert not sequences.ordered
    assert not sequences.history(0).ordered
    assert sequences.user_ids == ["1"]


def test_a_history_ends_before_the_moment_it_is_asked_for() -> None:
    table = pa.table({"user_id": ["a"] * 3, "item_id": list("xyz"), "timestamp": [10, 20, 30]})
    sequences = Sequences.from_table(table)
    assert len(sequences.history(0, now=20.0)) == 1
    assert len(sequences.history(0, end=-1)) == 2
    assert len(sequences.history(0, end=-9)) == 0


def test_fixed_item_rows_leave_other_items_out() -> None:
    table = pa.table({"user_id": ["a", "a"], "item_id": ["x", "y"]})
    sequences = Sequences.from_table(table, ["q", "y"])
    assert sequences.rows.tolist() == [1]
    assert sequences.counts().tolist() == [0, 1]


def test_before_last_spares_users_with_too_few_actions() -> None:
    table = pa.table({"user_id": ["a", "a", "a", "b"], "item_id": list("xyzx"), "timestamp": [1, 2, 3, 4]})
    assert Sequences.from_table(table).before_last(1, at_least=3).lengths.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"user_id": ["a"]}, "item_id"),
        ({"user_id": ["a", None], "item_id": ["x", "y"]}, "user_id"),
        ({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": [1, None]}, "timestamp"),
        ({"user_id": ["a"], "item_id": ["x"], "action": ["steal"]}, "action"),
    ],
)
def test_what_is_missing_or_unknown_is_named(columns: dict[str, list[object]], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Sequences.from_table(pa.table(columns))
    assert caught.value.field == field


def test_items_follow_the_asked_order_and_absent_ones_are_bare() -> None:
    table = pa.table(
        {
            "item_id": ["x", "y", "x"],
            "category": [["drama", "war"], [], ["comedy"]],
            "title": ["Heat (1995)", None, "again"],
            "created_at": pa.array([None, datetime(2001, 5, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        }
    )
    items = ItemTable.from_table(table, ["y", "new", "x"])
    assert [items.categories(row) for row in range(3)] == [[], [], ["drama", "war"]]
    assert items.year.tolist() == [2001, 0, 1995]
    assert np.isnan(items.created_at[1])
