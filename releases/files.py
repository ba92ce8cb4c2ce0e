"""Files of a release: hashed, made durable, found again."""

import hashlib
import os
from pathlib import Path

from contracts.errors import InvalidInputError

MANIFEST = "manifest.json"


def sha256(path: Path) -> str:
    """Hex digest of the file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def contents(directory: Path) -> list[Path]:
    """Every file under ``directory`` but its own manifest, as relative paths in order.

    Raises InvalidInputError on a link or anything else that is not a plain file: a release owns all that it holds.
    """
    found = []
    for parent, folders, names in os.walk(directory):
        for name in [*folders, *names]:
            path = Path(parent) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise InvalidInputError("release", f"{path} is not a plain file; copy its content into the release")
        found += [(Path(parent) / name).relative_to(directory) for name in names]
    return sorted(path for path in found if path != Path(MANIFEST))


def flush(path: Path) -> None:
    """Waits until the file's or directory's content is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(directory: Path) -> None:
    """Waits until everything under ``directory``, and itself, is on the disk."""
    for parent, _folders, names in os.walk(directory, topdown=False):
        for name in names:
            flush(Path(parent) / name)
        flush(Path(parent))
