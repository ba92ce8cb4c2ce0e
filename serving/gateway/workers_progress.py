"""How far each worker of a gateway has read the catalogue topic, so that a change counts for all before it is told."""

import os
import time
from pathlib import Path

from serving.impressions import alive

PAUSE_SECONDS = 0.002


class WorkersProgress:
    """A small file of each worker in one folder, named after its process."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is made by ``begin``; files that killed workers left are passed over."""
        self._folder = folder
        self._mine = folder / str(os.getpid())

    def begin(self) -> None:
        """This process is one of the workers from now on."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.tell(-1)

    def tell(self, offset: int) -> None:
        """This process has taken in all messages up to ``offset``."""
        self._mine.write_text(str(offset))

    def end(self) -> None:
        """Nobody needs to wait for this process any more."""
        self._mine.unlink(missing_ok=True)

    def wait_for(self, offset: int, seconds: float) -> bool:
        """Whether all other workers took in the message at ``offset`` within ``seconds``."""
        end = time.monotonic() + seconds
        while any(self._reached(path) < offset for path in self._others()):
            if time.monotonic() > end:
                return False
            time.sleep(PAUSE_SECONDS)
        return True

    def _others(self) -> list[Path]:
        return [path for path in self._folder.glob("*") if path != self._mine and alive(int(path.name))]

    @staticmethod
    def _reached(path: Path) -> int:
        try:
            return int(path.read_text() or -1)  # empty while it is written
        except FileNotFoundError:
            return -1
