"""The folder that the model server watches: ``<root>/<model>/<version>/``, filled by hard links from releases."""

import errno
import os
import shutil
import uuid
from pathlib import Path

from contracts.release import SERVING_MODELS


def place(release_dir: Path, models_root: Path) -> list[Path]:
    """Puts every SavedModel of the release (``models/<name>/<version>/``) under ``models_root``, each by one rename,
    so that the server never loads half a version. Files are hard links, copies across disks. What is there already
    stays. Returns the placed directories."""
    placed = []
    for source in _versions(release_dir):
        target = models_root / source.parent.name / source.name
        placed.append(target)
        if target.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = models_root / f".placing-{uuid.uuid4().hex[:8]}"
        shutil.copytree(source, partial, copy_function=_link)
        try:
            partial.rename(target)
        except OSError as error:
            shutil.rmtree(partial)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    return placed


def remove(version: int, models_root: Path) -> None:
    """Takes a version of every model away from the server, out of sight first. Nothing happens where there is none."""
    for name in SERVING_MODELS:
        target = models_root / name / str(version)
        if target.is_dir():
            hidden = models_root / f".removing-{uuid.uuid4().hex[:8]}"
            target.rename(hidden)
            shutil.rmtree(hidden)


def _versions(release_dir: Path) -> list[Path]:
    return [
        version
        for name in SERVING_MODELS
        for version in sorted((release_dir / "models" / name).glob("[0-9]*"))
        if version.is_dir()
    ]


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        shutil.copy2(source, target)
