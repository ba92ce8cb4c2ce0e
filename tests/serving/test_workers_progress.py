"""Waiting for the other workers of a gateway."""

import os
import subprocess
import threading
import time
from pathlib import Path

from serving.gateway.workers_progress import WorkersProgress


def test_nobody_waits_for_the_dead_for_themselves_or_for_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    one = WorkersProgress(folder)
    assert one.wait_for(5, 0.0)
    one.begin()
    with subprocess.Popen(["true"]) as dead:
        pass
    (folder / str(dead.pid)).write_text("3")
    assert one.wait_for(5, 0.0)
    one.end()
    assert not (folder / str(os.getpid())).exists()


def test_a_slower_worker_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    one, other = WorkersProgress(tmp_path), tmp_path / str(os.getppid())
    one.begin()
    for told in ("", "-1", "4"):
        other.write_text(told)
        assert not one.wait_for(5, 0.02)
    begun = time.monotonic()
    threading.Timer(0.1, other.write_text, ["6"]).start()
    assert one.wait_for(5, 10.0)
    assert time.monotonic() - begun >= 0.1
