"""Flink's own environment is whole, or it is not there."""

import sys
from pathlib import Path

import pytest

from contracts.errors import HeadwaterError
from stack import flink
from stack.jars import read_lock
from streaming.flink.environment import FOLDER, connector


def test_what_is_not_pinned_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "requirements-flink.lock"
    lock.write_text("redis==7.4.1\n")
    monkeypatch.setattr(flink, "LOCK", lock)
    with pytest.raises(HeadwaterError, match=r"pip could not install requirements-flink\.lock"):
        flink.install(tmp_path / "env", print)
    with pytest.raises(HeadwaterError, match="no whole environment"):
        connector(tmp_path / "env")


def test_the_lock_pins_every_package_and_names_no_index() -> None:
    lines = [line for line in flink.LOCK.read_text().splitlines() if line and not line.lstrip().startswith("#")]
    packages = [line for line in lines if not line.startswith(" ")]
    assert all("==" in package and package.endswith("\\") for package in packages)
    assert any(package.startswith("apache-flink==") for package in packages)
    assert not any("://" in line or "index" in line for line in lines)


def test_the_connector_is_for_the_flink_that_is_locked() -> None:
    (root,) = read_lock()["flink"].roots
    release = root.rsplit("-", 1)[1]
    assert f"\napache-flink=={release}." in "\n" + flink.LOCK.read_text()


def test_the_environment_lies_beside_the_one_that_makes_it() -> None:
    assert str(FOLDER) == f"{sys.prefix}-flink"
