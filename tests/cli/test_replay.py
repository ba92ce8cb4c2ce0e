"""``headwater replay`` as a person runs it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from cli.main import app
from contracts.events import Interaction
from contracts.impressions import Impression
from lake.store import Lake
from releases.store import ReleaseStore
from tests.serving import toy_release

RELEASE = "r0123456789ab"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a release that has no models, and a day of six requests."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    store = ReleaseStore(tmp_path / "releases")
    staging = store.stage(RELEASE)
    toy_release.write_items(staging)
    store.publish(staging, toy_release.manifest(RELEASE))
    shown = [
        Impression(request_id=f"r{n}", user_id=f"u{n}", item_id=f"i{item}", position=item + 1, timestamp=NOON)
        for n in range(6)
        for item in range(10)
    ]
    clicks = [
        Interaction(
            event_id=f"e{n}", user_id=f"u{n}", item_id="i0", timestamp=NOON + timedelta(minutes=1), source="stream",
            origin="t",
        )
        for n in range(6)
    ]  # fmt: skip
    lake = Lake(str(tmp_path / "lake"))
    lake.append("impressions", pa.Table.from_pylist([row.model_dump() for row in shown], Impression.arrow_schema()))
    lake.append("interactions", pa.Table.from_pylist([row.model_dump() for row in clicks], Interaction.arrow_schema()))
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["replay", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.usefixtures("home")
def test_json_has_every_figure_with_its_interval() -> None:
    code, out, errors = run("--release", RELEASE, "--day", "2026-11-21", "--json")
    assert code == 0, errors
    report = json.loads(out)
    assert (report["release"], report["requests"], report["answered"]) == (RELEASE, 6, 6)
    assert set(report["agreement"]) == {"mean", "lower", "upper", "users"}
    assert report["ndcg_shown"]["mean"] == 1.0
    assert report["gain"]["mean"] == pytest.approx(report["ndcg"]["mean"] - 1.0)


@pytest.mark.usefixtures("home")
def test_a_person_reads_what_was_compared() -> None:
    code, out, _ = run("--release", RELEASE, "--day", "2026-11-21", "--requests", "4")
    assert code == 0
    assert out.startswith(f"4 requests of 4 users on 2026-11-21, asked again of {RELEASE}")
    assert "agreement with what was shown" in out


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("release", "day", "said"),
    [(RELEASE, "2026-11-20", "no impressions of 2026-11-20"), ("r000000000000", "2026-11-21", "r000000000000")],
)
def test_what_is_not_there_is_one_sentence(release: str, day: str, said: str) -> None:
    code, out, errors = run("--release", release, "--day", day)
    assert (code, out) == (1, "")
    assert said in errors.splitlines()[-1]


@pytest.mark.usefixtures("home")
def test_a_day_that_is_none_is_wrong_usage() -> None:
    assert run("--release", RELEASE, "--day", "yesterday")[0] == 2
