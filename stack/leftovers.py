"""Finding and ending processes of this stack that outlived their server."""

import os
import signal
import time
from collections.abc import Iterable
from typing import Final

import psutil

from stack.run_folder import RunFolder

GRACE_SECONDS: Final = 5.0


def leftovers(run: RunFolder, names: Iterable[str]) -> list[psutil.Process]:
    """Processes of the servers ``names``: in the process group that was written down, or started by our supervisor
    under that name. This process and its ancestors are never among them.
    """
    wanted = set(names)
    groups = {group for name in wanted if (group := _recorded(run, name)) is not None}
    address = f"unix://{run.socket}"
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        try:
            ours = process.environ().get("SUPERVISOR_SERVER_URL") == address
            named = ours and process.environ().get("SUPERVISOR_PROCESS_NAME") in wanted
            if named or (os.getpgid(process.pid) in groups and _within(process, run)):
                found.append(process)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue
    return found


def end_leftovers(run: RunFolder, names: Iterable[str], grace: float = GRACE_SECONDS) -> int:
    """Kills them and waits until they are gone. Returns how many there were."""
    found = leftovers(run, names)
    for process in found:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(found, timeout=grace)
    return len(found)


def wait_until_gone(pid: int, seconds: float) -> bool:
    """Whether the process has ended within ``seconds``."""
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _recorded(run: RunFolder, name: str) -> int | None:
    """The process group that the server's last start wrote down; a group of ours is never that of this process."""
    try:
        group = int(run.pid_file(name).read_text())
    except (OSError, ValueError):
        return None
    return group if group != os.getpgid(0) else None


def _within(process: psutil.Process, run: RunFolder) -> bool:
    """Guards against a process id used anew: the process began after the record of its group was begun."""
    return bool(process.create_time() >= run.configuration.stat().st_mtime - 1)
