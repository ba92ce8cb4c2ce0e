"""``headwater import`` as a person runs it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.import_ import command

app = typer.Typer()
app.command()(command)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    lines = ["customer,item_id,timestamp", "u,i,1700000000", "u,i,1700000060", ",i,1700000000"]
    (tmp_path / "interactions.csv").write_text("\n".join(lines))
    (tmp_path / "map.yaml").write_text("interactions: {user_id: customer}\n")
    return tmp_path


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_it_prints_what_was_accepted_and_put_aside(folder: Path) -> None:
    code, out, _ = run(folder, "--map", folder / "map.yaml")
    assert code == 0
    assert "interactions: 2 accepted (2 new, 0 known already), 1 quarantined" in out
    assert "missing_id: 1" in out
    code, out, _ = run(folder, "--map", folder / "map.yaml")
    assert code == 0
    assert "nothing changed" in out


def test_json_is_all_that_stdout_carries(folder: Path) -> None:
    code, out, errors = run(folder, "--map", folder / "map.yaml", "--json", "--shift-to-now")
    report = json.loads(out)
    assert code == 0
    assert report["tables"]["interactions"]["quarantined"] == {"missing_id": 1}
    assert report["shifted_seconds"] > 0
    assert "accepted" in errors


def test_what_cannot_be_imported_is_one_sentence(folder: Path) -> None:
    code, out, errors = run(folder)
    assert code == 1
    assert out == ""
    assert errors.startswith("user_id: ")
    assert errors.count("\n") == 1


def test_wrong_usage_is_told_apart() -> None:
    assert run()[0] == 2
