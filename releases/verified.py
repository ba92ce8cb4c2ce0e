"""Files of a release are compared with their hashes once a machine, not by every process that opens them."""

import fcntl
from pathlib import Path

from releases.files import MANIFEST, contents
from releases.store import ReleaseStore

FOLDER = "verified"
"""Under the home."""


class VerifiedReleases:
    """Remembers under ``folder`` what the files of a release looked like when they were last compared."""

    def __init__(self, store: ReleaseStore, folder: Path) -> None:
        self._store = store
        self._folder = folder

    def check(self, release_id: str, threads: int = 1) -> None:
        """``ReleaseStore.verify``, unless every file has the inode, size and time of change that it had when it passed
        before. Of several processes one compares, the others wait for what it finds.

        Raises NotFoundError, DamagedReleaseError or InvalidInputError.
        """
        directory = self._store.open(release_id)
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / release_id).open("a+") as remembered:
            fcntl.flock(remembered, fcntl.LOCK_EX)
            remembered.seek(0)
            marks = _marks(directory)
            if remembered.read() == marks:
                return
            self._store.verify(release_id, threads)
            remembered.truncate(0)
            remembered.write(marks)
        self._forget_deleted()

    def _forget_deleted(self) -> None:
        for remembered in self._folder.iterdir():
            if not (self._store.root / remembered.name).is_dir():
                remembered.unlink(missing_ok=True)


def _marks(directory: Path) -> str:
    lines = []
    for path in [*contents(directory), Path(MANIFEST)]:
        state = (directory / path).stat()
        lines.append(f"{path} {state.st_ino} {state.st_size} {state.st_mtime_ns}\n")
    return "".join(lines)
