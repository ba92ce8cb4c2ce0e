"""One server run without the supervisor, as a process group of its own: for tests and for single tools."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contracts.errors import HeadwaterError
from stack.server import Server

POLL_SECONDS = 0.1


@contextmanager
def running(server: Server, logs: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Starts ``server``, waits until it is healthy, and stops its whole process group at the end.

    Its output goes to ``logs/<name>.log``. Raises HeadwaterError when it ends or is not healthy in time.
    """
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{server.name}.log"
    server.prepare()
    with log.open("ab") as output:
        process = subprocess.Popen(
            server.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **server.environment},
            start_new_session=True,
        )
    try:
        _wait(server, process, log)
        server.finish()
        yield process
    finally:
        stop_group(process, server.stop_signal, server.stop_seconds)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    started, deadline = time.time(), time.monotonic() + server.ready_seconds
    while not server.healthy(started):
        if process.poll() is not None:
            raise HeadwaterError(f"{server.name} ended with status {process.returncode}: {last_line(log)}")
        if time.monotonic() > deadline:
            raise HeadwaterError(f"{server.name} was not healthy within {server.ready_seconds} s: {last_line(log)}")
        time.sleep(POLL_SECONDS)


def stop_group(process: subprocess.Popen[bytes], stop_signal: str, seconds: float) -> None:
    """Asks the leader to stop, waits, then kills all that is left of its group."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.Signals[f"SIG{stop_signal}"])
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_line(log: Path) -> str:
    """The last line of a log that says anything, for an error message."""
    with suppress(OSError):
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()[-50:] if line.strip()]
        if lines:
            return lines[-1][:300]
    return "its log is empty"
