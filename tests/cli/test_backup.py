"""``headwater backup`` and ``headwater restore`` as people meet them; tests/stack has what they do."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app


def test_a_folder_that_is_no_backup_is_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["restore", str(tmp_path)])
    assert done.exit_code == 1
    assert "no whole backup" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_that_exists_is_not_written_to(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["backup", str(tmp_path)])
    assert done.exit_code == 1
    assert "name a new folder" in done.stderr


@pytest.mark.parametrize("verb", ["backup", "restore"])
def test_the_folder_must_be_named(verb: str) -> None:
    assert CliRunner().invoke(app, [verb]).exit_code == 2
