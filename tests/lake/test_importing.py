"""From a person's files to the lake: what is accepted, what is put aside and why, and what a repeat changes."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.clock import Clock
from contracts.errors import InvalidInputError
from lake.importing import ImportReport, import_path
from lake.mapping import Mapping, parse_mapping
from lake.store import Lake

NOW = 1_780_000_000.0


def clock() -> float:
    return NOW


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


def bring(lake: Lake, path: Path, mapping: Mapping | None = None, now: Clock = clock, *, shift: bool = False
          ) -> ImportReport:  # fmt: skip
    return import_path(lake, path, clock=now, mapping=mapping, shift_to_now=shift)


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def quarantined(lake: Lake) -> list[tuple[str, str, str]]:
    rows = lake.read("quarantine").to_pylist()
    return sorted((row["reason"], row["field"], row["origin"]) for row in rows)


FORMS = {
    "comma.csv": ("user_id,item_id,timestamp", "u,i,1700000000"),
    "semicolon.csv": ("user_id;item_id;timestamp", "u;i;1700000000000"),
    "tab.tsv": ("user_id\titem_id\ttimestamp", "u\ti\t2023-11-14T22:13:20Z"),
    "bar.txt": ("item_id|timestamp|user_id", "i|2023-11-14 22:13:20|u"),
    "marked.csv": ("\ufeffuser_id,item_id,timestamp", 'u,"i",2023-11-14T23:13:20+01:00'),
    "lines.jsonl": ('{"user_id": "u", "item_id": "i", "timestamp": 1700000000}',),
    "lines.ndjson": ('{"user_id": "u", "item_id": "i", "timestamp": "2023-11-14T22:13:20.000"}',),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_row(lake: Lake, folder: Path, name: str) -> None:
    path = folder / name
    path.write_text("\n".join(FORMS[name]), encoding="utf-8")
    bring(lake, path)
    (row,) = lake.read("interactions").to_pylist()
    assert (row["user_id"], row["item_id"], row["action"]) == ("u", "i", "click")
    assert row["timestamp"].isoformat() == "2023-11-14T22:13:20+00:00"
    assert row["source"] == "import"
    assert row["origin"] == f"{name}:{1 if 'lines' in name else 2}"


@pytest.mark.parametrize(
    "times",
    [
        pa.array([1_700_000_000]),
        pa.array([1_700_000_000_000.0]),
        pa.array([1_700_000_000_000], pa.timestamp("ms")),
        pa.array([1_700_000_000], pa.timestamp("s", "Europe/Berlin")),
        pa.array(["1700000000"]),
    ],
)
def test_parquet_times_of_every_type_are_utc(lake: Lake, folder: Path, times: pa.Array) -> None:
    pq.write_table(pa.table({"user_id": [7], "item_id": [8.0], "timestamp": times}), folder / "interactions.parquet")
    bring(lake, folder)
    (row,) = lake.read("interactions").to_pylist()
    assert row["timestamp"].timestamp() == 1_700_000_000
    assert (row["user_id"], row["item_id"]) == ("7", "8")


def test_rows_that_break_the_contract_are_put_aside_with_reason_and_line(lake: Lake, folder: Path) -> None:
    write(
        folder,
        "interactions.csv",
        "user_id,item_id,action,timestamp,value",
        "u1,i1,click,1700000000,4.5",
        ",i1,click,1700000000,",
        "NaN,i1,click,1700000000,",
        "u1,-5,click,1700000000,",
        "u1,i1,like,1700000000,",
        "u1,i1,click,1970-01-01,",
        f"u1,i1,click,{NOW + 61:.0f},",
        "u1,i1,click,yesterday,",
        "u1,i1,click,,",
        "u1,i1,click,1700000000,lots",
        "u1,i1,click",
        f"{'x' * 257},i1,click,1700000000,",
        f"u2,i2,purchase,{NOW + 59:.0f},nan",
    )
    report = bring(lake, folder)
    assert quarantined(lake) == [
        ("bad_timestamp", "timestamp", "interactions.csv:9"),
        ("bad_value", "value", "interactions.csv:11"),
        ("field_count", "", "interactions.csv:12"),
        ("future_timestamp", "timestamp", "interactions.csv:8"),
        ("implausible_timestamp", "timestamp", "interactions.csv:7"),
        ("long_id", "user_id", "interactions.csv:13"),
        ("missing_id", "user_id", "interactions.csv:3"),
        ("missing_id", "user_id", "interactions.csv:4"),
        ("missing_timestamp", "timestamp", "interactions.csv:10"),
        ("negative_id", "item_id", "interactions.csv:5"),
        ("unknown_action", "action", "interactions.csv:6"),
    ]
    counts = report.tables["interactions"]
    assert (counts.accepted, counts.inserted, sum(counts.quarantined.values())) == (2, 2, 11)
    assert [row["value"] for row in lake.read("interactions").sort_by("timestamp").to_pylist()] == [4.5, None]
    payload = next(row["payload"] for row in lake.read("quarantine").to_pylist() if row["reason"] == "unknown_action")
    assert json.loads(payload)["action"] == "like"
    (kept,) = (row for row in lake.read("imports").to_pylist() if row["state"] == "complete")
    assert dict(kept["counts"])["interactions.quarantined.missing_id"] == 2


def test_a_line_number_is_right_after_a_field_of_several_lines(lake: Lake, folder: Path) -> None:
    text = 'user_id,item_id,timestamp,note\nu,i,1700000000,"two\nlines"\n\n,i,1700000000,x\n'
    (folder / "interactions.csv").write_text(text)
    bring(lake, folder)
    assert quarantined(lake) == [("missing_id", "user_id", "interactions.csv:5")]


def test_bytes_that_are_no_text_and_lines_that_are_no_json_are_put_aside(lake: Lake, folder: Path) -> None:
    (folder / "interactions.csv").write_bytes(b"user_id,item_id,timestamp\nu,\xff,1700000000\nu,i,1700000000\n")
    bring(lake, folder)
    assert quarantined(lake) == [("encoding", "", "interactions.csv:2")]
    other = write(folder, "more.jsonl", '{"user_id": 1, "item_id": 2, "timestamp": 1700000000}', "[1]", "{nope")
    bring(lake, other)
    assert Counter(reason for reason, _, _ in quarantined(lake)) == {"encoding": 1, "no_json_object": 2}
    assert lake.count("interactions") == 2


def test_importing_the_same_file_twice_changes_nothing(lake: Lake, folder: Path) -> None:
    write(folder, "interactions.csv", "user_id,item_id,timestamp", "u,i,1700000000", "u,i,1700000000", ",i,1700000000")
    write(folder, "items.csv", "item_id,category,title,colour", "i,Drama|Crime,A title,red", "j,,,")
    first = bring(lake, folder)
    versions = {name: lake.version(name) for name in lake.tables()}
    second = bring(lake, folder)
    assert not first.repeated
    assert second.repeated
    assert second.tables["interactions"].inserted == 0
    assert {name: lake.version(name) for name in lake.tables()} == versions
    assert lake.count("interactions") == 1


def test_a_grown_table_adds_only_what_is_new(lake: Lake, folder: Path) -> None:
    lines = ["user_id,item_id,timestamp", "u,i,1700000000", "u,i,1700000000", ",i,1700000000"]
    write(folder, "interactions.csv", *lines)
    bring(lake, folder)
    write(folder, "interactions.csv", *lines, "u,i,1700000000", "v,i,1700000001")
    report = bring(lake, folder)
    assert report.tables["interactions"].inserted == 1
    assert report.tables["interactions"].duplicates == 3
    assert lake.count("interactions") == 2
    assert lake.count("quarantine") == 1


def test_an_event_id_counts_once_whatever_else_the_row_says(lake: Lake, folder: Path) -> None:
    head = "event_id,user_id,item_id,timestamp"
    write(
        folder,
        "interactions.csv",
        head,
        "e1,u,i,1700000000",
        "e1,u,j,1700000000",
        "e2,u,j,1700000000",
        ",u,j,1700000000",
    )
    report = bring(lake, folder)
    assert (report.tables["interactions"].inserted, report.tables["interactions"].duplicates) == (3, 1)


def test_items_and_users_are_updated_and_keep_further_columns(lake: Lake, folder: Path) -> None:
    write(folder, "interactions.csv", "user_id,item_id,timestamp", "u,i,1700000000")
    write(folder, "items.csv", "item_id,category,title,colour,created_at", "i,Drama|Crime,Old,red,2020-01-01", "j,,,,")
    write(folder, "users.jsonl", '{"user_id": 5, "cohort": "press", "age": 33, "tags": ["a"]}')
    bring(lake, folder)
    write(folder, "items.csv", "item_id,category,title,colour,created_at", "i,Drama,New,blue,2020-01-01", "j,,,,")
    assert bring(lake, folder).tables["items"].inserted == 1
    found = {row["item_id"]: row for row in lake.read("items").to_pylist()}
    assert (found["i"]["title"], found["i"]["category"], found["i"]["attributes"]) == (
        "New",
        ["Drama"],
        [("colour", "blue")],
    )
    assert (found["j"]["title"], found["j"]["category"], found["j"]["attributes"]) == (None, [], [])
    (user,) = lake.read("users").to_pylist()
    assert (user["user_id"], user["cohort"], dict(user["attributes"])) == ("5", "press", {"age": "33", "tags": '["a"]'})


def test_impressions_keep_their_contract(lake: Lake, folder: Path) -> None:
    write(folder, "interactions.csv", "user_id,item_id,timestamp", "u,i,1700000000")
    head = "request_id,user_id,item_id,position,timestamp,propensity,arm"
    rows = ["r,u,i,1,1700000000,0.5,control", "r,u,j,0,1700000000,,", "r,u,k,1.5,1700000000,,", "r,u,l,2,1700000000,2,"]
    write(folder, "impressions.csv", head, *rows)
    bring(lake, folder)
    (row,) = lake.read("impressions").to_pylist()
    assert (row["position"], row["propensity"], row["arm"], row["sources"]) == (1, 0.5, "control", [])
    assert [reason for reason, _, _ in quarantined(lake)] == ["bad_position", "bad_position", "bad_propensity"]


def test_a_mapping_names_columns_values_and_files(lake: Lake, folder: Path) -> None:
    write(folder, "orders.csv", "customer;sku;at;kind", "u;i;1700000000;buy", "u;j;1700000000;view")
    mapping = parse_mapping(
        {
            "interactions": {"user_id": "customer", "item_id": "sku", "timestamp": "at", "action": "kind"},
            "files": {"interactions": "orders.csv"},
            "values": {"action": {"buy": "purchase"}},
        }
    )
    bring(lake, folder, mapping)
    assert sorted(row["action"] for row in lake.read("interactions").to_pylist()) == ["purchase", "view"]


@pytest.mark.parametrize("content", ["text", {"nope": 1, "interactions": {}}, {"interactions": ["a"]}, {"values": 3},
                                     {"files": {"nope": "x"}}, {"interactions": {"user_id": None}}])  # fmt: skip
def test_a_wrong_mapping_is_refused(content: object) -> None:
    with pytest.raises(InvalidInputError, match="--map"):
        parse_mapping(content)


def test_shifted_times_end_now_and_stay_on_a_repeat_and_on_growth(lake: Lake, folder: Path) -> None:
    lines = ["user_id,item_id,timestamp", "u,i,1000000000", "u,j,1000086400"]
    write(folder, "interactions.csv", *lines)
    first = bring(lake, folder, shift=True)
    assert first.shifted_seconds == NOW - 1_000_086_400
    assert max(lake.read("interactions")["timestamp"].to_pylist()).timestamp() == NOW
    assert bring(lake, folder, now=lambda: NOW + 9999, shift=True).repeated
    write(folder, "interactions.csv", *lines, "u,k,1000086300")
    grown = bring(lake, folder, now=lambda: NOW + 9999, shift=True)
    assert grown.shifted_seconds == first.shifted_seconds
    assert grown.tables["interactions"].inserted == 1
    assert lake.count("interactions") == 3


def _zip(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text.encode("latin-1"))
    return path


def test_a_zip_of_tables_and_the_folder_in_it_are_the_same_import(lake: Lake, folder: Path) -> None:
    text = "user_id,item_id,timestamp\nu,i,1700000000\n"
    path = _zip(folder / "x.zip", {"deep/interactions.csv": text, "deep/readme.txt": "hello", "../evil.csv": "x"})
    bring(lake, path)
    write(folder, "interactions.csv", *text.splitlines())
    assert bring(lake, folder).repeated
    assert lake.count("interactions") == 1


def cut_zip(folder: Path) -> Path:
    path = _zip(folder / "cut.zip", {"interactions.csv": "user_id,item_id,timestamp\n" + "u,i,1700000000\n" * 1000})
    path.write_bytes(path.read_bytes()[:-200])
    return path


def damaged_zip(folder: Path) -> Path:
    path = _zip(folder / "damaged.zip", {"interactions.csv": "user_id,item_id,timestamp\n" + "u,i,1700000000\n" * 1000})
    content = bytearray(path.read_bytes())
    content[60:64] = b"\x00\x01\x02\x03"
    path.write_bytes(bytes(content))
    return path


def cut_parquet(folder: Path) -> Path:
    sink = io.BytesIO()
    pq.write_table(pa.table({"user_id": [1], "item_id": [2], "timestamp": [1_700_000_000]}), sink)
    path = folder / "interactions.parquet"
    path.write_bytes(sink.getvalue()[:-20])
    return path


UNUSABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing there": (lambda folder: folder / "nope.zip", "does not exist"),
    "empty zip": (lambda folder: _zip(folder / "e.zip", {}), "holds no table"),
    "zip of no bytes": (lambda folder: write(folder, "z.zip"), "no complete zip"),
    "cut zip": (cut_zip, "no complete zip"),
    "damaged zip": (damaged_zip, "no complete zip"),
    "empty folder": (lambda folder: folder, "no table interactions"),
    "empty file": (lambda folder: write(folder, "interactions.csv"), "is empty"),
    "missing column": (lambda folder: write(folder, "interactions.csv", "user_id,when", "u,1"), "no column 'item_id'"),
    "odd separator": (lambda folder: write(folder, "interactions.csv", "user_id~item_id~timestamp"), "separator"),
    "no times": (lambda folder: write(folder, "interactions.csv", "user_id,item_id", "u,i"), "given-split"),
    "a column twice": (lambda folder: write(folder, "interactions.csv", "user_id,user_id", "u,i"), "twice"),
    "cut parquet": (cut_parquet, "no complete Parquet"),
    "another kind": (lambda folder: write(folder, "interactions.xlsx", "x"), "none of"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_read_is_one_sentence_and_writes_nothing(lake: Lake, folder: Path, case: str) -> None:
    make, sentence = UNUSABLE[case]
    with pytest.raises(InvalidInputError, match=sentence) as caught:
        bring(lake, make(folder))
    assert "\n" not in str(caught.value)
    assert lake.tables() == []


def test_the_same_table_twice_in_a_folder_is_refused(lake: Lake, folder: Path) -> None:
    write(folder, "interactions.csv", "user_id,item_id,timestamp")
    write(folder, "interactions.jsonl", "{}")
    with pytest.raises(InvalidInputError, match="twice"):
        bring(lake, folder)
