"""``headwater lake`` as a person runs it."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli.lake import app
from lake.store import Lake
from tests.lake.rows import interactions


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    lake = Lake(str(tmp_path / "lake"))
    lake.append("interactions", interactions(["a", "b"]))
    streamed = interactions(["c"], day=2)
    lake.append("interactions", streamed.set_column(5, "source", pa.array(["stream"])))
    return lake


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(("table", "ids"), [("interactions", ["a", "b", "c"]), ("events", ["c"])])
def test_export_writes_one_file_as_readers_see_it(lake: Lake, tmp_path: Path, table: str, ids: list[str]) -> None:
    out = tmp_path / "out.parquet"
    assert run("export", table, "--out", out)[0] == 0
    rows = pq.read_table(out)
    assert sorted(rows["event_id"].to_pylist()) == ids
    assert rows.schema.names == lake.read("interactions").schema.names


def test_an_empty_table_is_exported_with_its_columns(lake: Lake, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert run("export", "impressions", "--out", out)[0] == 0
    assert pq.read_table(out).schema.names == lake.read("impressions").schema.names


def test_an_unknown_table_is_one_sentence_and_leaves_no_file(lake: Lake, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    code, _, errors = run("export", "nonsense", "--out", out)
    assert code == 1
    assert errors == "the lake has no table nonsense\n"
    assert list(tmp_path.glob("*out.parquet*")) == []
    assert lake.count("interactions") == 3


def test_list_shows_rows_and_days(lake: Lake) -> None:
    code, out, _ = run("list", "--json")
    found = {line["table"]: line for line in json.loads(out)}
    assert code == 0
    assert lake.files("interactions")
    assert found["interactions"]["rows"] == 3
    assert (found["interactions"]["days"], found["interactions"]["last_day"]) == (2, "2026-01-03")
    assert found["impressions"]["rows"] == 0
    assert "interactions" in run("list")[1]
