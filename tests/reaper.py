"""Ends what a test session started once the session is gone, also when it was killed: no server of a test outlives it.

Everything that a session starts inherits a variable with the session's name, whatever process group it moves to. A
process of its own waits for the session to end.
"""

import os
import subprocess
import sys
import time
import uuid

import psutil

VARIABLE = "HW_TEST_SESSION"
POLL_SECONDS = 0.5


def start() -> "subprocess.Popen[bytes]":
    """Names this session and starts its reaper, which ends by itself soon after this process."""
    os.environ[VARIABLE] = uuid.uuid4().hex
    return subprocess.Popen(
        [sys.executable, __file__, str(os.getpid()), os.environ[VARIABLE]],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def started_by(session: str) -> list[psutil.Process]:
    """Processes of the session, without this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(VARIABLE) == session:
                found.append(process)
        except psutil.Error:
            continue
    return found


def reap(parent: int, session: str) -> None:
    """Waits until ``parent`` is gone, then kills what is left of the session until nothing is."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    while left := started_by(session):
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=5)


if __name__ == "__main__":
    reap(int(sys.argv[1]), sys.argv[2])
