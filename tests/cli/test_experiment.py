"""``headwater experiment`` as a person uses it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app


@pytest.fixture
def home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    monkeypatch.setenv("HEADWATER_DATABASE_URL", database_url)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["experiment", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_a_life_from_plan_to_stop(home: Path) -> None:
    wanted = ["plan", "--baseline", "0.1", "--lift", "0.05", "--users-per-day", "1000", "--json"]
    planned = json.loads(run(*wanted)[1])
    assert planned["sequential_users"] > planned["fixed_users"] > 10_000
    file = home / "x1.yaml"
    file.write_text(
        "id: x1\nhypothesis: newer is better\narms:\n- {name: control, share: 0.5}\n- {name: variant, share: 0.5}\n"
    )
    assert json.loads(run("create", str(file), "--json")[1])["status"] == "draft"
    assert run("start", "x1", "--traffic", "0.05")[1] == "x1 is running, enrolling 5% of users\n"
    assert [one["id"] for one in json.loads(run("list", "--json")[1])] == ["x1"]
    code, out, _ = run("show", "x1", "--analyse", "--html", str(home / "x1.html"), "--json")
    assert (code, json.loads(out)["metrics"]["decision"]["state"]) == (0, "hold")
    assert "newer is better" in (home / "x1.html").read_text()
    assert run("stop", "x1", "--why", "enough")[0] == 0
    assert [line["change"] for line in json.loads(run("show", "x1", "--json")[1])["history"]][-1] == "stopped"


def test_what_cannot_be_is_one_sentence_and_a_status(home: Path) -> None:
    broken = home / "broken.yaml"
    broken.write_text("id: x1\narms: [{name: control, share: 1.0}]\n")
    for arguments, sentence in [
        (("start", "x9"), "no experiment x9"),
        (("create", str(broken)), "arms"),
        (("plan", "--baseline", "0", "--lift", "0.1", "--users-per-day", "9"), "baseline"),
    ]:
        code, out, err = run(*arguments)
        assert (code, out) == (1, "")
        assert sentence in err
    assert run("create", str(home / "missing.yaml"))[0] == 2
