"""A release is hashed once, and again as soon as one of its files is another."""

import os
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

import releases.store
from releases.files import sha256
from releases.store import DamagedReleaseError, ReleaseStore
from releases.verified import VerifiedReleases
from tests.releases.releases import published

A, B = "r00000000000a", "r00000000000b"


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed since."""
    found: list[str] = []

    def counted(path: Path) -> str:
        found.append(path.name)
        return sha256(path)

    monkeypatch.setattr(releases.store, "sha256", counted)
    return found


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


def test_the_second_look_reads_no_file(store: ReleaseStore, tmp_path: Path, hashed: list[str]) -> None:
    published(store, A)
    hashed.clear()
    VerifiedReleases(store, tmp_path / "verified").check(A)
    assert "items.parquet" in hashed
    hashed.clear()
    VerifiedReleases(store, tmp_path / "verified").check(A)
    assert hashed == []


@pytest.mark.parametrize(("damage", "fault"), [("change", "changed"), ("lose", "missing"), ("add", "belong")])
def test_damage_since_the_first_look_is_found(store: ReleaseStore, tmp_path: Path, damage: str, fault: str) -> None:
    path, verified = published(store, A), VerifiedReleases(store, tmp_path / "verified")
    verified.check(A)
    victim = path / ("extra.bin" if damage == "add" else "items.parquet")
    text = "x" if damage == "add" else victim.read_text()
    victim.unlink(missing_ok=True)
    if damage != "lose":
        victim.write_text(text[::-1] + "x")
    for _ in range(2):
        with pytest.raises(DamagedReleaseError, match=fault):
            verified.check(A)


@pytest.mark.parametrize("in_place", [True, False])
def test_other_content_of_the_same_length_and_time_is_found(
    store: ReleaseStore, tmp_path: Path, *, in_place: bool
) -> None:
    path, verified = published(store, A) / "items.parquet", VerifiedReleases(store, tmp_path / "verified")
    verified.check(A)
    state, other = path.stat(), path if in_place else path.with_name("other")
    other.write_bytes(b"y" * state.st_size)
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.rename(path)
    with pytest.raises(DamagedReleaseError, match="changed"):
        verified.check(A)


def test_where_nothing_can_be_remembered_every_look_compares(
    store: ReleaseStore, tmp_path: Path, hashed: list[str]
) -> None:
    path = published(store, A)
    (tmp_path / "file").write_text("no folder")
    verified = VerifiedReleases(store, tmp_path / "file" / "verified")
    for _ in range(2):
        hashed.clear()
        verified.check(A)
        assert "items.parquet" in hashed
    (path / "items.parquet").write_text("other")
    with pytest.raises(DamagedReleaseError, match="changed"):
        verified.check(A)


def test_what_was_remembered_goes_with_the_release(store: ReleaseStore, tmp_path: Path) -> None:
    verified = VerifiedReleases(store, tmp_path / "verified")
    published(store, A)
    verified.check(A)
    store.delete(A)
    published(store, B)
    verified.check(B)
    assert [path.name for path in (tmp_path / "verified").iterdir()] == [B]


def _look(root: Path, folder: Path, told: Path) -> None:
    def slowly(path: Path) -> str:
        with told.open("a") as file:
            file.write(f"{path.name}\n")
        time.sleep(0.3)
        return sha256(path)

    pytest.MonkeyPatch().setattr(releases.store, "sha256", slowly)
    VerifiedReleases(ReleaseStore(root), folder).check(A)


def test_of_processes_that_look_at_once_one_compares(store: ReleaseStore, tmp_path: Path) -> None:
    published(store, A)
    fork, told = get_context("fork"), tmp_path / "told"
    processes = [fork.Process(target=_look, args=(store.root, tmp_path / "verified", told)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert told.read_text().splitlines().count("items.parquet") == 1
