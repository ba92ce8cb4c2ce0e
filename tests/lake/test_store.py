"""Tables with atomic commits: the same behaviour on disk and on S3."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from contracts.errors import InvalidInputError, NotFoundError, UnavailableError
from lake.store import Lake
from lake.tables import TABLES
from tests.lake.rows import interactions, items

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)


def ids(lake: Lake) -> list[str]:
    found: list[str] = lake.read("interactions", ["event_id"])["event_id"].to_pylist()
    return sorted(found)


def test_a_table_without_commits_is_empty_with_its_schema(lake: Lake) -> None:
    assert lake.read("interactions").schema == TABLES["interactions"].schema
    assert lake.read("items").num_rows == lake.count("items") == 0
    assert lake.files("items") == lake.days("interactions") == lake.tables() == []


def test_a_process_that_ends_right_after_reading_ends_well(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for day in range(8):
        lake.append("interactions", interactions([f"e{day}"], day=day))
    code = f"from lake.store import Lake; Lake({str(tmp_path)!r}).read('interactions', ['event_id'])"
    endings = [subprocess.run([sys.executable, "-c", code], check=False).returncode for _ in range(4)]
    assert endings == [0, 0, 0, 0]


def test_a_derived_table_without_commits_is_not_found(lake: Lake) -> None:
    with pytest.raises(NotFoundError, match="user_daily"):
        lake.read("user_daily")


def test_rows_lie_in_a_partition_a_day(lake: Lake) -> None:
    lake.append("interactions", interactions(["a", "b"]))
    lake.append("interactions", interactions(["c"], day=1))
    assert lake.days("interactions") == [FIRST, SECOND]
    assert lake.read("interactions", ["event_id"], (SECOND, SECOND)).to_pylist() == [{"event_id": "c"}]
    (file,) = lake.files("interactions", (SECOND, SECOND))
    assert "/day=2026-01-02/" in file
    assert len(lake.files("interactions")) == 2
    assert lake.tables() == ["interactions"]


def test_an_application_commits_a_version_once(lake: Lake) -> None:
    lake.append("interactions", interactions(["a"]), transaction=("sink", 4))
    lake.append("interactions", interactions(["b"]), transaction=("sink", 4))
    lake.append("interactions", interactions(["c"]), transaction=("sink", 3))
    lake.append("interactions", interactions(["d"]), transaction=("other", 1))
    lake.append("interactions", interactions(["e"]), transaction=("sink", 5))
    assert ids(lake) == ["a", "d", "e"]
    assert lake.committed_version("interactions", "sink") == 5
    assert lake.committed_version("interactions", "nobody") == -1


def test_replacing_days_leaves_the_others(lake: Lake) -> None:
    lake.replace_days("interactions", interactions(["a"]), [FIRST])
    lake.append("interactions", interactions(["c"], day=1))
    lake.replace_days("interactions", interactions(["x", "y"]), [FIRST])
    assert ids(lake) == ["c", "x", "y"]
    lake.replace_days("interactions", interactions([]), [FIRST])
    assert ids(lake) == ["c"]
    assert lake.days("interactions") == [SECOND]


def test_deleting_by_a_predicate_leaves_the_others(lake: Lake) -> None:
    assert lake.delete("interactions", "event_id = 'a'") == 0
    lake.append("interactions", interactions(["a", "b"]))
    assert lake.delete("interactions", "event_id = 'a'") == 1
    assert lake.read("interactions")["event_id"].to_pylist() == ["b"]


def test_rows_are_picked_by_a_list_of_ids_before_and_after_a_deletion(lake: Lake) -> None:
    picked = pc.field("event_id").isin(["b", "c"]) & (pc.field("day") <= FIRST)
    assert lake.scan("interactions", picked).read_all().num_rows == 0
    lake.append("interactions", interactions(["a", "b"]))
    lake.append("interactions", interactions(["c"], day=1))
    for _ in range(2):
        found = lake.scan("interactions", picked).read_all()
        assert found["event_id"].to_pylist() == ["b"]
        assert found.column_names == TABLES["interactions"].schema.names
        assert lake.merge("interactions", interactions(["b", "c"]), ["user_id", "event_id"]) == 0
        lake.delete("interactions", "event_id = 'a'")


def test_a_row_of_another_day_is_refused(lake: Lake) -> None:
    with pytest.raises(InvalidInputError, match="2026-01-02"):
        lake.replace_days("interactions", interactions(["a"], day=1), [FIRST])
    assert lake.count("interactions") == 0


def test_a_merge_inserts_only_new_keys_and_the_first_of_equal_ones(lake: Lake) -> None:
    assert lake.merge("interactions", interactions(["a", "b", "a"]), ["event_id"]) == 2
    before = lake.version("interactions")
    assert lake.merge("interactions", interactions(["b", "a"]), ["event_id"]) == 0
    assert lake.version("interactions") == before
    assert lake.merge("interactions", interactions(["c", "a"]), ["event_id"]) == 1
    assert ids(lake) == ["a", "b", "c"]


def of_user(rows: pa.Table, user: str) -> pa.Table:
    return rows.set_column(rows.column_names.index("user_id"), "user_id", pa.array([user] * rows.num_rows))


def test_two_users_who_number_their_events_alike_keep_both(lake: Lake) -> None:
    key = TABLES["interactions"].key
    assert lake.merge("interactions", of_user(interactions(["1", "2"]), "u"), key) == 2
    both = pa.concat_tables([of_user(interactions(["2", "3"]), "u"), of_user(interactions(["1", "2"]), "v")])
    assert lake.merge("interactions", both, key) == 3
    assert ids(lake) == ["1", "1", "2", "2", "3"]


def test_an_event_sent_again_on_another_day_stands_once(lake: Lake) -> None:
    key = TABLES["interactions"].key
    assert lake.merge("interactions", interactions(["a"], day=7), key) == 1
    assert lake.merge("interactions", interactions(["a", "b"], day=14), key) == 1
    assert lake.merge("interactions", interactions(["a"], day=0), key) == 0
    assert lake.merge("interactions", interactions(["a"], day=30), key) == 1


def test_an_upsert_replaces_what_differs_and_counts_it(lake: Lake) -> None:
    assert lake.upsert("items", items({"1": "old", "2": "same"}), ["item_id"]) == 2
    assert lake.upsert("items", items({"1": "new", "2": "same", "3": "third"}), ["item_id"]) == 2
    before = lake.version("items")
    assert lake.upsert("items", items({"1": "new"}), ["item_id"]) == 0
    assert lake.version("items") == before
    titles = {row["item_id"]: row["title"] for row in lake.read("items").to_pylist()}
    assert titles == {"1": "new", "2": "same", "3": "third"}


def test_replace_makes_the_rows_the_whole_table(lake: Lake) -> None:
    lake.replace("items", items({"1": "a", "2": "b"}))
    lake.replace("items", items({"3": "c"}))
    assert lake.read("items", ["item_id"]).to_pylist() == [{"item_id": "3"}]


def test_a_derived_table_has_the_schema_of_its_rows_and_may_gain_a_column(lake: Lake) -> None:
    rows = pa.table({"user_id": ["u"], "day": pa.array([FIRST]), "clicks": [3]})
    lake.replace_days("user_daily", rows, [FIRST])
    lake.replace_days("user_daily", rows.append_column("views", pa.array([9])), [FIRST])
    assert lake.read("user_daily").to_pylist() == [{"user_id": "u", "day": FIRST, "clicks": 3, "views": 9}]
    assert lake.days("user_daily") == [FIRST]
    assert "user_daily" in lake.tables()


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        (interactions(["a"]).drop_columns(["user_id"]), "user_id"),
        (interactions(["a"]).drop_columns(["timestamp"]), "timestamp"),
        (interactions(["a"]).set_column(1, "user_id", pa.nulls(1, pa.string())), "user_id"),
    ],
)
def test_rows_that_break_the_schema_are_refused(lake: Lake, rows: pa.Table, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        lake.append("interactions", rows)
    assert caught.value.field == field
    assert lake.count("interactions") == 0


def test_compaction_joins_files_and_vacuum_deletes_the_old(lake: Lake) -> None:
    for name in "abcd":
        lake.append("interactions", interactions([name]))
    assert lake.compact("interactions") == 4
    assert len(lake.files("interactions")) == 1
    assert ids(lake) == ["a", "b", "c", "d"]
    assert lake.vacuum("interactions", timedelta(0)) == 4
    assert ids(lake) == ["a", "b", "c", "d"]
    assert lake.compact("items") == lake.vacuum("items") == 0


def test_other_readers_open_the_listed_files(tmp_path: object) -> None:
    lake = Lake(f"{tmp_path}/lake")
    lake.append("interactions", interactions(["a", "b"]))
    (file,) = lake.files("interactions")
    assert pq.read_table(file, columns=["event_id"], partitioning=None).num_rows == 2


def test_a_store_that_does_not_answer_is_named(s3_endpoint: str) -> None:
    lake = Lake("s3://no-such-bucket/x", s3_endpoint=s3_endpoint)
    with pytest.raises(UnavailableError, match="no-such-bucket"):
        lake.append("interactions", interactions(["a"]))
