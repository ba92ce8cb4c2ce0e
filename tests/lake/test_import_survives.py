"""Imports that are killed or run out of disk: the old table or the new one, and a second run completes the first."""

import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from contracts.errors import HeadwaterError
from lake.importing import import_path
from lake.store import Lake

NOW = 1_780_000_000.0
ROWS = 20_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    lines = "\n".join(f"u{row % 97},i{row % 1013},{1_700_000_000 + row * 7}" for row in range(ROWS))
    (path / "interactions.csv").write_text(f"user_id,item_id,timestamp\n{lines}\n,i,1700000000\n")
    (path / "items.csv").write_text("item_id,title\ni1,One\n")
    return path


def bring(root: str, folder: str) -> None:
    import_path(Lake(root), Path(folder), clock=lambda: NOW, shift_to_now=True)


def test_an_import_killed_at_any_step_is_completed_by_the_next(tmp_path: Path, folder: Path) -> None:
    for step, table in enumerate(("imports", "interactions")):
        root = str(tmp_path / f"lake{step}")
        worker = multiprocessing.get_context("spawn").Process(target=bring, args=(root, str(folder)))
        worker.start()
        assert worker.pid
        while not (Path(root) / table / "_delta_log").is_dir() or not Lake(root).count("imports"):
            assert worker.is_alive()
            time.sleep(0.002)
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        assert Lake(root).count("interactions") in (0, ROWS)
        report = import_path(Lake(root), folder, clock=lambda: NOW + 5000, shift_to_now=True)
        assert Lake(root).count("interactions") == ROWS
        assert Lake(root).count("quarantine") == 1
        assert report.shifted_seconds == NOW - (1_700_000_000 + (ROWS - 1) * 7)
        assert max(Lake(root).read("interactions")["timestamp"].to_pylist()).timestamp() == NOW


def _bring_on_a_full_disk(root: str, folder: str, room: str, outcome: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    os.environ["TMPDIR"] = room
    try:
        bring(root, folder)
    except (HeadwaterError, OSError) as error:
        Path(outcome).write_text(str(error)[:400])


def test_a_full_disk_stops_the_import_and_leaves_the_old_lake(tmp_path: Path, folder: Path) -> None:
    root, outcome = str(tmp_path / "lake"), tmp_path / "outcome"
    arguments = (root, str(folder), str(tmp_path), str(outcome))
    worker = multiprocessing.get_context("spawn").Process(target=_bring_on_a_full_disk, args=arguments)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    assert outcome.read_text()
    assert Lake(root).count("interactions") == 0
    bring(root, str(folder))
    assert Lake(root).count("interactions") == ROWS
