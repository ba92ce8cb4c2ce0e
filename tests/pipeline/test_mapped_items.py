"""The mapped item table says what the Parquet file says, and nothing writes into it."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.catalogue import Item
from contracts.errors import InvalidInputError
from pipeline import mapped_items
from pipeline.artifacts import Artifacts
from pipeline.items import Items

BORN = datetime(2026, 3, 1, tzinfo=UTC)
CATEGORIES = [["comedy", "drama"], [], ["drama"], None]


def written(directory: Path, rows: int = 4) -> Path:
    table = pa.table(
        {
            "item_id": ["a", "é", "c", "d"],
            "category": pa.array(CATEGORIES, pa.list_(pa.string())),
            "title": ["One", None, "Three", ""],
            "created_at": pa.array([BORN, None, BORN, None], pa.timestamp("us", tz="UTC")),
            "first_seen": pa.array([None, BORN, BORN, None], pa.timestamp("us", tz="UTC")),
            "count": [4, 3, 2, 1],
            "count_7d": [2, 2, 0, 0],
            "count_28d": [3, 2, 1, 0],
            "year": pa.array([1999, None, 2020, 0], pa.int32()),
        }
    )
    pq.write_table(table[:rows], directory / "items.parquet")
    np.save(directory / "popular.npy", np.arange(rows, dtype=np.float32))
    np.save(directory / "trending.npy", np.arange(rows, dtype=np.float32)[::-1])
    return directory


def same(one: Items, other: Items) -> bool:
    def equal(name: str) -> bool:
        left, right = getattr(one, name), getattr(other, name)
        if isinstance(left, np.ndarray):
            return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
        return list(left) == list(right)

    return all(equal(name) for name in (*(field.name for field in fields(Items)), "main_category", "born"))


@pytest.mark.parametrize("rows", [4, 2, 0])
def test_the_mapped_table_is_the_one_of_the_parquet_file(tmp_path: Path, rows: int) -> None:
    written(tmp_path, rows)
    before = mapped_items.load(tmp_path)
    mapped_items.save(tmp_path)
    (tmp_path / "items.parquet").unlink()
    mapped = mapped_items.load(tmp_path)
    assert same(mapped, before)
    assert mapped.ids.rows(["é", "c", "nobody"]).tolist() == [1 if rows else -1, 2 if rows > 2 else -1, -1]


def test_changes_make_a_new_table_over_the_mapped_one(tmp_path: Path) -> None:
    mapped_items.save(written(tmp_path))
    mapped = mapped_items.load(tmp_path)
    put = [Item(item_id="c", title="New", category=["horror"]), Item(item_id="e", title="Fifth", category=["drama"])]
    every, counts = np.arange(5, dtype=np.int32), np.full((5, 3), 9, np.float32)
    changed = mapped.with_put(put, BORN.timestamp()).with_counts(every, counts).with_hidden(["a"])
    assert (changed.title(2), changed.categories_of(2), changed.title(4)) == ("New", ("horror",), "Fifth")
    assert (changed.count.tolist(), changed.hidden.tolist()) == ([9.0] * 5, [0])
    assert same(mapped, Items.load(tmp_path))
    with pytest.raises(ValueError, match="read-only"):
        mapped.count[0] = 1


@pytest.mark.parametrize("damage", ["cut", "other", "empty"])
def test_a_damaged_table_is_refused_in_one_sentence(tmp_path: Path, damage: str) -> None:
    mapped_items.save(written(tmp_path))
    path = tmp_path / mapped_items.FILE
    if damage == "other":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.schema({"name": pa.string()})) as writer:
            writer.write_batch(pa.record_batch({"name": ["x"]}))
    else:
        path.write_bytes(path.read_bytes()[: 200 if damage == "cut" else 0])
    with pytest.raises(InvalidInputError, match="cannot be opened"):
        Artifacts.load(tmp_path)
