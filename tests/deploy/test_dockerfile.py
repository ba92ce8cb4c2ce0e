"""The image's recipe passes the linter of the field, which does find faults."""

import subprocess
import sys
from pathlib import Path

HADOLINT = Path(sys.executable).with_name("hadolint")
DOCKERFILE = Path(__file__).parents[2] / "deploy" / "Dockerfile"


def lint(path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([HADOLINT, "--no-color", path], capture_output=True, text=True, check=False)


def test_the_linter_has_nothing_to_say() -> None:
    done = lint(DOCKERFILE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_unpinned_image_and_package_would_be_found(tmp_path: Path) -> None:
    worse = tmp_path / "Dockerfile"
    worse.write_text(DOCKERFILE.read_text().replace(":3.11.13-slim-bookworm", ":latest").replace("=17.*", ""))
    done = lint(worse)
    assert done.returncode == 1
    assert {rule for rule in ("DL3007", "DL3008") if rule in done.stdout} == {"DL3007", "DL3008"}
