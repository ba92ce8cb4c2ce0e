"""The site builds, and its reference pages say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.settings import Settings
from docs import _reference
from lake.tables import TABLES
from tests.docs.commands import TREE


def build(source: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    """Builds a site with warnings as errors: a link that leads nowhere is one."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "-d", str(out / "doctrees")]
    return subprocess.run([*command, str(source), str(out)], cwd=TREE, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our site."""
    out = tmp_path_factory.mktemp("site")
    done = build(TREE / "docs", out)
    assert done.returncode == 0, done.stderr[-2000:]
    return out


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("settings", "HEADWATER_RATE_USER_PER_SECOND"),
        ("command", "headwater stream dead-letters retry"),
        ("http", "/v1/recommendations/explain"),
        ("lake", "quarantined_at"),
        ("features", "purchases_24h"),
        ("metrics", "headwater_consumer_event_age_seconds"),
    ],
)
def test_the_reference_is_made_from_the_code(site: Path, page: str, said: str) -> None:
    assert said in re.sub("<[^>]+>", "", (site / "reference" / f"{page}.html").read_text())


def test_a_build_whose_link_leads_nowhere_fails(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text('extensions = ["myst_parser"]\n')
    (tmp_path / "index.md").write_text("# A page\n\nThat [leads](nowhere.md).\n")
    assert "nowhere.md" in build(tmp_path, tmp_path / "html").stderr


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_column_of_every_table_is_listed() -> None:
    page = "\n".join(_reference.lake())
    missing = [f"{t}.{column}" for t, one in TABLES.items() for column in one.schema.names if f"`{column}`" not in page]
    assert missing == []


def test_text_means_itself_in_markdown() -> None:
    assert _reference.prose("default <home>/lake, or ``<x>``, 2 * 3") == r"default \<home>/lake, or ``<x>``, 2 \* 3"
    (_, _, row, _) = _reference.table(["a"], [["one|two\nthree"]])
    assert row == r"| one\|two three |"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/Arm"}, "`Arm`"),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, "integer (≥ 1) or null"),
    ],
)
def test_a_schema_in_words(schema: dict[str, object], words: str) -> None:
    assert _reference.shape(schema) == words
