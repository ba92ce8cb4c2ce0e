"""The releases on disk: staged in private, published by one rename, immutable after."""

import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from contracts.errors import HeadwaterError, InvalidInputError, NotFoundError
from contracts.release import Manifest
from releases.files import MANIFEST, contents, flush, flush_tree, sha256
from releases.identity import check_id

_STAGING = ".staging-"
_DELETED = ".deleted-"


class DamagedReleaseError(HeadwaterError):
    """A file of a release is missing, changed or extra; names it."""

    def __init__(self, release_id: str, path: str, fault: str) -> None:
        super().__init__(f"release {release_id} is damaged: {path} {fault}; train again or delete it")
        self.path = path


class ReleaseStore:
    """Release directories under ``root``. A directory whose name is an id is whole: all others are private."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def stage(self, release_id: str) -> Path:
        """A new, empty, private directory on the disk of the final one. Readers never see it."""
        staging = self.root / f"{_STAGING}{check_id(release_id)}-{uuid.uuid4().hex[:8]}"
        staging.mkdir(parents=True)
        return staging

    def publish(self, staging: Path, manifest: Manifest) -> Path:
        """Hashes every file into the manifest, makes all of it durable, and shows it under its id by one rename.

        Where the release is there already, whole, the staging directory is dropped and nothing changes; a damaged
        one is replaced. Returns the final path. Raises InvalidInputError when ``staging`` was not staged for this
        id or holds something that is not a plain file.
        """
        final = self.root / check_id(manifest.id)
        if staging.parent != self.root or not staging.name.startswith(f"{_STAGING}{manifest.id}-"):
            raise InvalidInputError("staging", f"{staging} was not made by stage({manifest.id!r})")
        files = {path.as_posix(): sha256(staging / path) for path in contents(staging)}
        whole = manifest.model_copy(update={"files": files})
        (staging / MANIFEST).write_text(whole.model_dump_json(indent=1))
        for path in [*files, MANIFEST]:
            (staging / path).chmod(0o444)
        flush_tree(staging)
        if final.exists():
            try:
                self.verify(manifest.id)
            except (DamagedReleaseError, NotFoundError):
                self._put_away(final)
            else:
                shutil.rmtree(staging)
                return final
        staging.rename(final)
        flush(self.root)
        return final

    def open(self, release_id: str) -> Path:
        """The directory of a release. Raises NotFoundError when there is none."""
        path = self.root / check_id(release_id)
        if not (path / MANIFEST).is_file():
            raise NotFoundError(f"there is no release {release_id}; see headwater release list")
        return path

    def manifest(self, release_id: str) -> Manifest:
        """The manifest of a release. Raises NotFoundError, or DamagedReleaseError when it cannot be read."""
        path = self.open(release_id) / MANIFEST
        try:
            found = Manifest.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise DamagedReleaseError(release_id, MANIFEST, "cannot be read") from error
        if found.id != release_id:
            raise DamagedReleaseError(release_id, MANIFEST, f"is that of {found.id}")
        return found

    def verify(self, release_id: str, threads: int = 1) -> None:
        """Compares every file with its hash, ``threads`` of them at once. Raises DamagedReleaseError naming one
        that differs."""
        directory, manifest = self.open(release_id), self.manifest(release_id)
        present = {path.as_posix() for path in contents(directory)}
        missing = next((path for path in manifest.files if path not in present), None)
        if missing is not None:
            raise DamagedReleaseError(release_id, missing, "is missing")
        largest_first = sorted(manifest.files, key=lambda path: -(directory / path).stat().st_size)
        with ThreadPoolExecutor(threads, "verify") as pool:
            hashes = pool.map(sha256, [directory / path for path in largest_first])
            for path, found in zip(largest_first, hashes, strict=True):
                if found != manifest.files[path]:
                    raise DamagedReleaseError(release_id, path, "has changed")
        for path in sorted(present - manifest.files.keys()):
            raise DamagedReleaseError(release_id, path, "does not belong to it")

    def unreadable(self) -> dict[str, str]:
        """Directories that have the name of a release but no manifest that can be read: id → what is wrong."""
        faults = {}
        for release_id in self._ids():
            try:
                self.manifest(release_id)
            except (DamagedReleaseError, NotFoundError) as error:
                faults[release_id] = str(error)
        return faults

    def delete(self, release_id: str) -> None:
        """Removes a release: first out of sight by one rename, then from the disk. Raises NotFoundError."""
        path = self.root / check_id(release_id)
        if not path.is_dir():
            raise NotFoundError(f"there is no release {release_id}; see headwater release list")
        self._put_away(path)

    def remove_leftovers(self, before: float) -> list[str]:
        """Removes what killed runs left: staging directories in which nothing changed since ``before`` (epoch
        seconds of the file system), and half-deleted releases. Returns their names."""
        removed = []
        for path in sorted(self.root.glob(".*-r*")):
            if path.name.startswith(_DELETED) or (path.name.startswith(_STAGING) and _changed(path) < before):
                shutil.rmtree(path)
                removed.append(path.name)
        return removed

    def list(self) -> list[Manifest]:
        """The manifests that can be read, oldest first. ``unreadable`` names the others."""
        found = []
        for release_id in self._ids():
            try:
                found.append(self.manifest(release_id))
            except (DamagedReleaseError, NotFoundError):
                continue
        return sorted(found, key=lambda manifest: (manifest.created_at, manifest.id))

    def _ids(self) -> Iterator[str]:
        if not self.root.is_dir():
            return
        for path in sorted(self.root.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                try:
                    yield check_id(path.name)
                except InvalidInputError:
                    continue

    def _put_away(self, path: Path) -> None:
        hidden = self.root / f"{_DELETED}{path.name}-{uuid.uuid4().hex[:8]}"
        path.rename(hidden)
        flush(self.root)
        shutil.rmtree(hidden)


def _changed(directory: Path) -> float:
    return max(path.stat().st_mtime for path in [directory, *directory.rglob("*")])
