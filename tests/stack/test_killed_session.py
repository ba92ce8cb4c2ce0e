"""A test session that is killed leaves no server behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

TREE = Path(__file__).resolve().parents[2]
SESSION = """
import subprocess, time
from tests import reaper
reaper.start()
server = subprocess.Popen(["sleep", "1000"], start_new_session=True)
print(server.pid, flush=True)
time.sleep(1000)
"""


def test_a_killed_session_leaves_no_server() -> None:
    other = subprocess.Popen(["sleep", "1000"])
    session = subprocess.Popen([sys.executable, "-c", SESSION], stdout=subprocess.PIPE, text=True, cwd=TREE)
    try:
        assert session.stdout is not None
        server = int(session.stdout.readline())
        assert psutil.pid_exists(server)
        os.kill(session.pid, signal.SIGKILL)
        session.wait(10)
        deadline = time.monotonic() + 20
        while psutil.pid_exists(server) and psutil.Process(server).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert other.poll() is None
    finally:
        session.kill()
        session.communicate()
        other.kill()
        other.wait()
