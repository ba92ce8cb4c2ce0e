"""``<home>/run``: what exists only while the stack is up."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import ConflictError

LONGEST_SOCKET_PATH: Final = 90
"""A Unix socket's path may have 107 bytes, and supervisord adds its process id while it binds."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one running stack."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "run"

    @property
    def configuration(self) -> Path:
        return self.folder / "supervisord.conf"

    @property
    def programs(self) -> Path:
        """Commands and variables of the servers; holds secrets, so readable by its owner only."""
        return self.folder / "programs.json"

    @property
    def supervisor_pid(self) -> Path:
        return self.folder / "supervisord.pid"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def pid_file(self, name: str) -> Path:
        return self.folder / f"{name}.pid"

    @property
    def socket(self) -> Path:
        """The supervisor's control socket: in the run folder, or in a private one when that path is too long."""
        inside = self.folder / "supervisor.sock"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
            return inside
        key = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"headwater-{os.getuid()}-{key}" / "supervisor.sock"

    def make(self) -> None:
        """Creates the folders."""
        for folder in (self.folder, self.logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)

    def remove(self) -> None:
        """Leaves nothing of it."""
        if self.socket.parent != self.folder:
            shutil.rmtree(self.socket.parent, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One ``up`` or ``down`` of a home at a time. The lock is on the home's folder itself: no file is left.

        Raises ConflictError when another one is at work.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.home, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(
                    f"Another headwater up or down is at work in {self.home}: wait until it has ended."
                ) from None
            yield
        finally:
            with suppress(OSError):
                os.close(handle)
