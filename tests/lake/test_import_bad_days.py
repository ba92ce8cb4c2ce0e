"""Tables as bad days bring them: repeated rows, one busy user, a poor catalogue; nothing is lost and nothing double."""

import random
from collections import Counter
from pathlib import Path

import pytest

from lake.importing import ImportReport, import_path
from lake.store import Lake

NOW = 1_780_000_000.0
HEAD = "user_id,item_id,action,timestamp"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


def bring(lake: Lake, path: Path) -> ImportReport:
    return import_path(lake, path, clock=lambda: NOW)


def write(folder: Path, lines: list[str], head: str = HEAD, name: str = "interactions.csv") -> None:
    (folder / name).write_text("\n".join([head, *lines]) + "\n")


def actions(count: int, first: int = 0) -> list[str]:
    return [f"u{n % 37},i{n % 101},click,{1_700_000_000 + n}" for n in range(first, first + count)]


def test_ten_percent_repeated_rows_count_as_duplicates_and_are_kept_once(lake: Lake, folder: Path) -> None:
    rows = actions(1000)
    repeated = random.Random(3).sample(rows, 100)
    mixed = [*rows, *repeated]
    random.Random(4).shuffle(mixed)
    write(folder, mixed)
    counts = bring(lake, folder).tables["interactions"]
    assert (counts.accepted, counts.inserted, counts.duplicates) == (1100, 1000, 100)
    assert lake.count("interactions") == 1000


def test_a_repeated_row_is_kept_once_when_the_table_has_grown(lake: Lake, folder: Path) -> None:
    write(folder, [*actions(300), *actions(30)])
    bring(lake, folder)
    write(folder, [*actions(400), *actions(40, 300)])
    counts = bring(lake, folder).tables["interactions"]
    assert (counts.accepted, counts.inserted, counts.duplicates) == (440, 100, 340)
    assert lake.count("interactions") == 400


def test_rows_that_differ_in_one_field_are_not_duplicates(lake: Lake, folder: Path) -> None:
    rows = ["u,i,click,1700000000", "v,i,click,1700000000", "u,j,click,1700000000", "u,i,view,1700000000"]
    write(folder, [*rows, "u,i,click,1700000000.001"])
    counts = bring(lake, folder).tables["interactions"]
    assert (counts.inserted, counts.duplicates) == (5, 0)


def test_rows_with_ids_of_their_own_are_not_duplicates(lake: Lake, folder: Path) -> None:
    write(folder, [f"e{n},u,i,click,1700000000" for n in range(3)], f"event_id,{HEAD}")
    counts = bring(lake, folder).tables["interactions"]
    assert (counts.inserted, counts.duplicates) == (3, 0)


def test_a_user_with_two_fifths_of_all_events_comes_in_whole(lake: Lake, folder: Path) -> None:
    heavy = [f"heavy,i{n % 50},view,{1_700_000_000 + n}" for n in range(400)]
    write(folder, [*heavy, *actions(600)])
    bring(lake, folder)
    users = Counter(lake.read("interactions")["user_id"].to_pylist())
    assert users["heavy"] == 400
    assert users.total() == 1000


def test_items_without_a_category_are_items(lake: Lake, folder: Path) -> None:
    write(folder, actions(10))
    write(folder, ["i1,,One", 'i2,"",Two', "i3,  ,Three"], "item_id,category,title", "items.csv")
    bring(lake, folder)
    found = {row["item_id"]: row["category"] for row in lake.read("items").to_pylist()}
    assert found == {"i1": [], "i2": [], "i3": []}
    assert lake.count("quarantine") == 0


def test_items_without_a_category_column_are_items(lake: Lake, folder: Path) -> None:
    write(folder, actions(10))
    write(folder, ["i1,One"], "item_id,title", "items.csv")
    bring(lake, folder)
    assert [row["category"] for row in lake.read("items").to_pylist()] == [[]]


def test_a_catalogue_of_five_items_comes_in_with_actions_on_items_it_does_not_name(lake: Lake, folder: Path) -> None:
    write(folder, [*actions(50), "u,unlisted,click,1700000000"])
    write(folder, [f"i{n},Drama,Item {n}" for n in range(5)], "item_id,category,title", "items.csv")
    report = bring(lake, folder)
    assert report.tables["items"].inserted == 5
    assert report.tables["interactions"].inserted == 51
    assert "unlisted" in lake.read("interactions")["item_id"].to_pylist()
