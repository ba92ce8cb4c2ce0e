import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from cli.evaluate import command

MODELS = "popular,item_knn,ease,sequential"


def evaluate(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, list(arguments))


def interactions(users: int = 20, length: int = 8, items: int = 40, timed: bool = True) -> pa.Table:
    columns = {
        "user_id": [f"user {u}" for u in range(users) for _ in range(length)],
        "item_id": [f"item/{(u + t) % items}" for u in range(users) for t in range(length)],
        "timestamp": [1_000_000_000 + t for _ in range(users) for t in range(length)],
    }
    return pa.table(columns if timed else {name: columns[name] for name in ("user_id", "item_id")})


def test_a_csv_with_text_ids_gives_the_documented_json(tmp_path: Path) -> None:
    pa_csv.write_csv(interactions(), tmp_path / "clicks.csv")
    out = tmp_path / "result.json"
    result = evaluate(str(tmp_path / "clicks.csv"), "--models", MODELS, "--k", "5,1000", "--json", str(out))
    assert result.exit_code == 0, result.stderr
    found = json.loads(out.read_text())
    assert (found["dataset"], found["protocol"], found["users"]) == ("clicks.csv", "leave-last-out", 20)
    assert set(found["models"]) == set(MODELS.split(","))
    for row in found["models"].values():
        assert {"ndcg@5", "recall@5", "hit_rate@5", "coverage@5", "recall@1000", "seconds"} <= set(row)
    assert found["models"]["sequential"]["ndcg@5"] > found["models"]["popular"]["ndcg@5"]
    assert found["segments"]["within_10_minutes"]["users"] == 20
    assert "item_knn" in result.stdout


def test_json_to_stdout_is_json_alone(tmp_path: Path) -> None:
    pq.write_table(interactions(), tmp_path / "clicks.parquet")
    result = evaluate(str(tmp_path / "clicks.parquet"), "--models", "popular", "--k", "5", "--json", "-")
    assert json.loads(result.stdout)["models"]["popular"]["recall@5"] >= 0


def test_a_given_split_needs_no_times(tmp_path: Path) -> None:
    pq.write_table(interactions(timed=False), tmp_path / "train.parquet")
    pq.write_table(
        pa.table({"user_id": ["user 1", "nobody"], "item_id": ["item/20", "never"]}), tmp_path / "test.parquet"
    )
    result = evaluate(
        "--train", str(tmp_path / "train.parquet"), "--test", str(tmp_path / "test.parquet"),
        "--protocol", "given-split", "--models", MODELS, "--json", "-",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["users"] == 2


def test_leave_last_out_without_times_is_one_sentence(tmp_path: Path) -> None:
    pq.write_table(interactions(timed=False), tmp_path / "clicks.parquet")
    result = evaluate(str(tmp_path / "clicks.parquet"), "--models", "popular")
    assert result.exit_code == 1
    assert "leave-last-out needs a timestamp column" in result.stderr
    assert result.stdout == ""


def test_cold_users_are_measured_by_what_is_known_of_them(tmp_path: Path) -> None:
    pq.write_table(interactions(users=60), tmp_path / "clicks.parquet")
    result = evaluate(str(tmp_path / "clicks.parquet"), "--cold", "--models", "popular,sequential", "--json", "-")
    found = json.loads(result.stdout)
    assert found["protocol"] == "cold"
    assert {"history_0", "history_1", "cold_items"} <= set(found["segments"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["x.zip", "--k", "0"],
        ["x.zip", "--k", "ten"],
        ["x.zip", "--budget", "soon"],
        ["x.zip", "--protocol", "random"],
        [],
        ["--protocol", "given-split", "--train", "a.csv"],
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: list[str]) -> None:
    assert evaluate(*arguments).exit_code == 2


def test_a_missing_file_ends_with_status_1() -> None:
    result = evaluate("nowhere.zip", "--models", "popular")
    assert result.exit_code == 1
    assert "does not exist" in result.stderr
