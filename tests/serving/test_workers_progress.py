"""Waiting for the other workers of a gateway."""

import fcntl
import os
import threading
import time
from pathlib import Path

from serving.gateway.workers_progress import WorkersProgress


def test_nobody_waits_for_the_dead_for_themselves_or_for_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    one = WorkersProgress(folder)
    assert one.wait_for(5, 0.0)
    one.begin()
    (folder / "999999").write_text("3")
    assert one.wait_for(5, 0.0)
    one.end()
    assert not (folder / str(os.getpid())).exists()


def test_a_slower_worker_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    one, other = WorkersProgress(tmp_path), tmp_path / "999999"
    one.begin()
    with other.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for told in ("", "-1", "4"):
            other.write_text(told)
            assert not one.wait_for(5, 0.02)
        begun = time.monotonic()
        later = threading.Timer(0.1, other.write_text, ["6"])
        later.start()
        assert one.wait_for(5, 10.0)
        assert time.monotonic() - begun >= 0.1
        later.join()
    other.write_text("6")
    assert one.wait_for(7, 0.0)
    one.end()


def test_what_is_told_replaces_what_was(tmp_path: Path) -> None:
    one = WorkersProgress(tmp_path)
    one.tell(1)
    assert list(tmp_path.iterdir()) == []
    one.begin()
    (mine,) = tmp_path.iterdir()
    for offset in (123_456_789, 7):
        one.tell(offset)
        assert int(mine.read_text()) == offset
    one.end()
