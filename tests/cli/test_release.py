"""``headwater release`` as a person uses it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from releases.store import ReleaseStore
from tests.releases.releases import published

A, B = "r00000000000a", "r00000000000b"


@pytest.fixture
def home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    monkeypatch.setenv("HEADWATER_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADWATER_MLFLOW_URL", "http://127.0.0.1:1")
    for identifier in (A, B):
        published(ReleaseStore(tmp_path / "releases"), identifier)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["release", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_promote_list_show_rollback(home: Path) -> None:
    assert run("promote", A, "--why", "first")[0] == 0
    code, out, err = run("promote", B, "--json")
    assert (code, json.loads(out)["champion"]) == (0, B)
    assert "MLflow" in err
    roles = {row["id"]: row["roles"] for row in json.loads(run("list", "--json")[1])}
    assert roles == {A: [], B: ["champion"]}
    assert "champion" in run("list")[1]
    shown = json.loads(run("show", A, "--json")[1])
    assert (shown["state"], [line["why"] for line in shown["audit"]]) == ("whole", ["by hand", "first"])
    assert json.loads(run("rollback", "--why", "bad", "--json")[1])["champion"] == A
    assert json.loads(run("audit", "--json")[1])[0]["why"] == "bad"
    assert (home / "models" / "ranker").is_dir()


def test_what_cannot_be_done_is_one_sentence_on_stderr_and_status_one(home: Path) -> None:
    (home / "releases" / A / "items.parquet").unlink()
    for arguments, sentence in [
        (("promote", A), "items.parquet is missing"),
        (("promote", "rffffffffffff"), "there is no release"),
        (("promote", "latest"), "no release id"),
        (("rollback",), "no champion before"),
    ]:
        code, out, err = run(*arguments)
        assert (code, out) == (1, "")
        assert sentence in err
    assert run("promote")[0] == 2
