"""How far each worker of a gateway has read the catalogue topic, so that a change counts for all before it is told."""

import fcntl
import os
import time
from pathlib import Path

PAUSE_SECONDS = 0.002


class WorkersProgress:
    """A small file of each worker in one folder, named after its process and locked while that lives."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is made by ``begin``; files that killed workers left are passed over."""
        self._folder = folder
        self._mine = folder / str(os.getpid())
        self._descriptor: int | None = None

    def begin(self) -> None:
        """This process is one of the workers from now on."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._mine, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self.tell(-1)

    def tell(self, offset: int) -> None:
        """This process has taken in all messages up to ``offset``."""
        if self._descriptor is not None:
            os.pwrite(self._descriptor, f"{offset:<20}".encode(), 0)

    def end(self) -> None:
        """Nobody needs to wait for this process any more."""
        if self._descriptor is not None:
            self._mine.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None

    def wait_for(self, offset: int, seconds: float) -> bool:
        """Whether all other workers took in the message at ``offset`` within ``seconds``."""
        end = time.monotonic() + seconds
        others = [path for path in self._folder.glob("*") if path != self._mine]
        while any(_lags(path, offset) for path in others):
            if time.monotonic() > end:
                return False
            time.sleep(PAUSE_SECONDS)
        return True


def _lags(path: Path, offset: int) -> bool:
    """Whether the worker of this file lives and has not come as far as ``offset``."""
    try:
        with path.open("rb") as file:
            reached = int(file.read() or -1)
            if reached >= offset:
                return False
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
