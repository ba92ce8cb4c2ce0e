"""Jars are taken only with the checksum of the lock."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import HeadwaterError
from stack.jars import LOCK, ON_DEMAND, JarSet, checksum, fetch, jar_files, read_lock, write_lock

CONTENT = b"a jar"
PINNED = JarSet("kafka", ("group:artifact:1",), {"artifact-1.jar": hashlib.sha256(CONTENT).hexdigest()})


def quiet(_line: str) -> None:
    """Progress is not looked at."""


def bringing(content: bytes, name: str = "artifact-1.jar") -> Callable[[JarSet, Path], None]:
    def resolve(_jars: JarSet, target: Path) -> None:
        (target / name).write_bytes(content)

    return resolve


def test_a_pinned_file_is_taken_and_others_removed(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    folder.mkdir()
    (folder / "old-0.jar").write_bytes(b"old")
    fetch(PINNED, folder, quiet, bringing(CONTENT))
    assert [file.name for file in folder.iterdir()] == ["artifact-1.jar"]
    assert list(tmp_path.iterdir()) == [folder]


def test_another_checksum_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(HeadwaterError, match=r"artifact-1\.jar has SHA-256 .* refused"):
        fetch(PINNED, tmp_path / "kafka", quiet, bringing(b"a jar with something added"))
    assert list((tmp_path / "kafka").iterdir()) == []


def test_a_file_that_did_not_come_is_named(tmp_path: Path) -> None:
    with pytest.raises(HeadwaterError, match=r"artifact-1\.jar was not among"):
        fetch(PINNED, tmp_path / "kafka", quiet, bringing(CONTENT, "other.jar"))


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    fetch(PINNED, tmp_path, quiet, bringing(CONTENT))

    def refuse(_jars: JarSet, _target: Path) -> None:
        raise AssertionError("fetched again")

    fetch(PINNED, tmp_path, quiet, refuse)


def test_a_damaged_file_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "artifact-1.jar").write_bytes(b"cut")
    fetch(PINNED, tmp_path, quiet, bringing(CONTENT))
    assert (tmp_path / "artifact-1.jar").read_bytes() == CONTENT


def test_the_lock_round_trips(tmp_path: Path) -> None:
    write_lock(read_lock(), tmp_path / "jars.lock")
    assert (tmp_path / "jars.lock").read_text() == LOCK.read_text()


def test_the_jars_of_this_environment_are_those_of_the_lock() -> None:
    for name, jars in read_lock().items():
        if name in ON_DEMAND:
            continue
        for file in jar_files(name):
            assert checksum(file) == jars.files[file.name]
