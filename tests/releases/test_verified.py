"""A release is hashed once, and again as soon as one of its files is another."""

import os
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


def test_a_file_of_the_same_length_and_time_is_told_by_its_inode(store: ReleaseStore, tmp_path: Path) -> None:
    path, verified = published(store, A) / "items.parquet", VerifiedReleases(store, tmp_path / "verified")
    verified.check(A)
    state, other = path.stat(), path.with_name("other")
    other.write_bytes(b"y" * state.st_size)
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.rename(path)
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


def _look(root: Path, folder: Path) -> None:
    VerifiedReleases(ReleaseStore(root), folder).check(A)


def test_processes_that_look_at_once_all_find_it_whole(store: ReleaseStore, tmp_path: Path) -> None:
    published(store, A)
    spawn = get_context("spawn")
    processes = [spawn.Process(target=_look, args=(store.root, tmp_path / "verified")) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len((tmp_path / "verified" / A).read_text().splitlines()) > 1
