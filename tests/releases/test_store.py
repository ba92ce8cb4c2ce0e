"""A release is there whole or not at all."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contracts.errors import InvalidInputError, NotFoundError
from releases.identity import release_id
from releases.model_repository import place, remove
from releases.store import DamagedReleaseError, ReleaseStore
from tests.releases.releases import manifest, published

A, B = "r00000000000a", "r00000000000b"


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


def test_the_id_is_a_hash_of_the_inputs_in_any_order() -> None:
    one = release_id({"data": "d", "commit": "c"})
    assert one == release_id({"commit": "c", "data": "d"}) == "r" + one[1:]
    assert len(one) == 13
    assert one != release_id({"commit": "c", "data": "e"})


def test_nothing_is_seen_before_publishing_and_all_of_it_after(store: ReleaseStore) -> None:
    staging = store.stage(A)
    (staging / "items.parquet").write_text("half")
    assert store.list() == []
    with pytest.raises(NotFoundError, match=A):
        store.open(A)
    path = published(store, B)
    assert [one.id for one in store.list()] == [B]
    assert set(store.manifest(B).files) == {
        "items.parquet",
        f"models/ranker/{0xB}/saved_model.pb",
        f"models/user_tower/{0xB}/saved_model.pb",
    }
    store.verify(B)
    assert store.open(B) == path


def test_publishing_the_same_id_twice_changes_nothing(store: ReleaseStore) -> None:
    first = published(store, A, "first")
    assert published(store, A, "second") == first
    assert (first / "items.parquet").read_text() == "first"
    assert list(store.root.iterdir()) == [first]


def test_a_damaged_release_is_replaced_by_publishing_it_again(store: ReleaseStore) -> None:
    path = published(store, A)
    (path / "items.parquet").unlink()
    published(store, A)
    store.verify(A)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("damage", "fault"), [("change", "has changed"), ("lose", "is missing"), ("add", "belong")])
def test_damage_is_found_and_the_file_is_named(store: ReleaseStore, damage: str, fault: str, threads: int) -> None:
    path = published(store, A)
    victim = path / ("extra.bin" if damage == "add" else "items.parquet")
    victim.unlink(missing_ok=True)
    if damage != "lose":
        victim.write_text("other")
    with pytest.raises(DamagedReleaseError, match=fault) as caught:
        store.verify(A, threads)
    assert caught.value.path == victim.name


def test_an_unreadable_manifest_is_reported_not_listed(store: ReleaseStore) -> None:
    path = published(store, A) / "manifest.json"
    path.chmod(0o644)
    path.write_text("{")
    assert store.list() == []
    assert "manifest.json cannot be read" in store.unreadable()[A]


def test_published_files_cannot_be_opened_for_writing_by_mistake(store: ReleaseStore) -> None:
    assert (published(store, A) / "items.parquet").stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("name", ["../x", "r0", "R00000000000A", ""])
def test_an_id_never_becomes_a_path(store: ReleaseStore, name: str) -> None:
    with pytest.raises(InvalidInputError, match="no release id"):
        store.open(name)


def test_links_and_foreign_directories_are_refused(store: ReleaseStore, tmp_path: Path) -> None:
    staging = store.stage(A)
    (staging / "link").symlink_to(tmp_path)
    with pytest.raises(InvalidInputError, match="not a plain file"):
        store.publish(staging, manifest(A))
    with pytest.raises(InvalidInputError, match="not made by stage"):
        store.publish(tmp_path, manifest(A))


def test_a_run_killed_in_the_middle_leaves_nothing_that_readers_see(store: ReleaseStore) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom releases.store import ReleaseStore\n"
        "staging = ReleaseStore(Path(sys.argv[1])).stage(sys.argv[2])\n"
        "(staging / 'items.parquet').write_bytes(b'half')\nprint('staged', flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, store.root, A], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"staged\n"
        process.send_signal(signal.SIGKILL)
    assert store.list() == []
    assert len(store.remove_leftovers(before=0.0)) == 0
    assert len(store.remove_leftovers(before=time.time() + 1)) == 1
    published(store, A)
    store.verify(A)


def test_a_deleted_release_is_gone(store: ReleaseStore) -> None:
    published(store, A)
    store.delete(A)
    assert list(store.root.iterdir()) == []
    with pytest.raises(NotFoundError):
        store.delete(A)


def test_models_are_placed_as_hard_links_once_and_taken_away(store: ReleaseStore, tmp_path: Path) -> None:
    path, models = published(store, A), tmp_path / "models"
    placed = place(path, models)
    assert place(path, models) == placed
    inside = models / "ranker" / str(0xA) / "saved_model.pb"
    assert inside.samefile(path / "models" / "ranker" / str(0xA) / "saved_model.pb")
    remove(0xA, models)
    remove(0xA, models)
    assert not inside.exists()
    store.verify(A)
