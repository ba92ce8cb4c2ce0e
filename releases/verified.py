"""Files of a release are compared with their hashes once, not by every process that opens them."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

from releases.files import MANIFEST, contents
from releases.store import ReleaseStore

FOLDER = "verified"
"""Under the home."""

log = logging.getLogger(__name__)


class VerifiedReleases:
    """Remembers under ``folder`` what the files of a release looked like when they were last found whole."""

    def __init__(self, store: ReleaseStore, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def check(self, release_id: str, threads: int = 1) -> None:
        """``ReleaseStore.verify``, unless every file has the device, inode, size and times of change that it had when
        it passed before. Of several processes one compares, the others wait for what it finds. Where nothing can be
        remembered (a full disk) every one compares.

        Raises NotFoundError, DamagedReleaseError or InvalidInputError.
        """
        directory = self._store.open(release_id)
        with self._memory(release_id) as memory:
            marks = _marks(directory)
            if memory is not None and memory.read() == marks:
                return
            self._store.verify(release_id, threads)
            if memory is not None:
                _remember(memory, marks)

    @contextmanager
    def _memory(self, release_id: str) -> Iterator[FileIO | None]:
        """The locked file that remembers a release, at its beginning; None where there can be none."""
        with ExitStack() as stack:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._forget_deleted()
                memory = stack.enter_context((self._folder / release_id).open("a+b", buffering=0))
                fcntl.flock(memory, fcntl.LOCK_EX)
                memory.seek(0)
            except OSError as error:
                log.warning("that release %s is whole cannot be remembered: %s", release_id, error)
                memory = None
            yield memory

    def _forget_deleted(self) -> None:
        for remembered in self._folder.iterdir():
            if not (self._store.root / remembered.name).is_dir():
                remembered.unlink(missing_ok=True)


def _remember(memory: FileIO, marks: bytes) -> None:
    try:
        memory.truncate(0)
        memory.write(marks)
    except OSError as error:
        log.warning("that a release is whole cannot be remembered: %s", error)


def _marks(directory: Path) -> bytes:
    lines = []
    for path in [*contents(directory), Path(MANIFEST)]:
        state = (directory / path).stat()
        seen = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        lines.append(f"{path} {' '.join(map(str, seen))}\n")
    return "".join(lines).encode()
