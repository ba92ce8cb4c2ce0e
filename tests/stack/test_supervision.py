"""The supervisor with a real server: start, restart of what dies, status, two homes, bad days, and nothing left."""

import dataclasses
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contracts.errors import ConflictError, HeadwaterError
from stack.composition import TREE
from stack.health import redis_answers
from stack.lifecycle import Waves, down, log_files, status, up
from stack.run_folder import RunFolder
from stack.server import Server
from stack.servers.redis import redis_server
from stack.supervision import Supervisor

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def quiet(_line: str) -> None:
    """Progress is not looked at."""


class Stack:
    """One supervised Redis in a home of its own."""

    def __init__(self, home: Path, *more: Server) -> None:
        self.port = free_port()
        self.waves: Waves = ((redis_server(home, HOST, self.port),), *((server,) for server in more))
        self.supervisor = Supervisor(RunFolder(home), TREE)

    def up(self) -> bool:
        return up(self.waves, self.supervisor, HOST, quiet)

    def down(self) -> bool:
        return down(self.waves, self.supervisor, quiet)

    def pid(self) -> int:
        (pid,) = [row.pid for row in status(self.waves, self.supervisor) if row.name == "redis"]
        assert pid is not None
        return pid


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    one = Stack(tmp_path / "home")
    yield one
    one.down()


def test_a_stack_of_an_older_version_can_be_stopped_and_says_what_it_lacks(stack: Stack) -> None:
    stack.up()
    known = stack.waves
    stack.waves = (*known, (dataclasses.replace(redis_server(Path("later"), HOST, free_port()), name="newer"),))
    with pytest.raises(HeadwaterError, match="no newer yet: headwater down, then up"):
        stack.supervisor.start_program("newer")
    assert stack.down()
    assert not stack.supervisor.alive()


def test_up_starts_and_the_second_time_changes_nothing(stack: Stack) -> None:
    assert stack.up()
    pid = stack.pid()
    began = time.monotonic()
    assert not stack.up()
    assert time.monotonic() - began < 2
    assert stack.pid() == pid
    assert "redis-server" in psutil.Process(pid).name()


def test_status_has_state_pid_and_address(stack: Stack) -> None:
    (before,) = status(stack.waves, stack.supervisor)
    assert dataclasses.asdict(before) == {
        "name": "redis",
        "state": "stopped",
        "pid": None,
        "address": f"{HOST}:{stack.port}",
    }
    stack.up()
    (after,) = status(stack.waves, stack.supervisor)
    assert (after.state, after.pid) == ("running", stack.pid())


def test_a_killed_server_is_started_again(stack: Stack) -> None:
    stack.up()
    killed = stack.pid()
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not redis_answers(HOST, stack.port) or stack.pid() == killed:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_that_hangs_is_not_said_to_run(stack: Stack) -> None:
    stack.up()
    pid = stack.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert status(stack.waves, stack.supervisor)[0].state == "starting"
    finally:
        os.kill(pid, signal.SIGCONT)


def test_down_leaves_no_process_and_no_lock_but_the_data(stack: Stack) -> None:
    stack.up()
    run = stack.supervisor.run
    supervisor, server = int(run.supervisor_pid.read_text()), stack.pid()
    assert stack.down()
    assert not psutil.pid_exists(supervisor)
    assert not psutil.pid_exists(server)
    assert sorted(path.name for path in run.home.iterdir()) == ["logs", "redis"]
    assert not stack.down()


def test_what_a_killed_supervisor_left_behind_is_ended(stack: Stack) -> None:
    stack.up()
    server = stack.pid()
    os.kill(int(stack.supervisor.run.supervisor_pid.read_text()), signal.SIGKILL)
    assert psutil.pid_exists(server)
    stack.down()
    assert not psutil.pid_exists(server)
    assert not stack.supervisor.run.folder.exists()


def test_children_of_a_killed_server_end_before_it_starts_again(tmp_path: Path) -> None:
    marker = f"97.{free_port()}"
    forking = Server(
        name="forking",
        command=("/bin/sh", "-c", f"sleep {marker} & exec sleep 1000{marker}"),
        address="",
        ports=(),
        healthy=lambda _started: True,
    )
    stack = Stack(tmp_path / "home", forking)
    try:
        stack.up()
        leader = stack.supervisor.states()["forking"].pid
        os.kill(leader, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while stack.supervisor.states()["forking"].pid in {0, leader} or _count(f"sleep {marker}") != 1:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        stack.down()
    assert _count(f"sleep {marker}") == 0


def test_a_used_port_is_one_sentence_and_nothing_starts(stack: Stack) -> None:
    with socket.socket() as other:
        other.bind((HOST, stack.port))
        other.listen()
        with pytest.raises(HeadwaterError, match=rf"^Port {stack.port}, which redis needs, .* HEADWATER_PORT_BASE"):
            stack.up()
    assert not stack.supervisor.alive()


def test_a_server_that_cannot_start_is_named_with_its_last_word(tmp_path: Path) -> None:
    broken = Server(
        name="broken",
        command=("/bin/sh", "-c", "echo no such table; exit 1"),
        address="",
        ports=(),
        healthy=lambda _started: False,
        ready_seconds=3,
    )
    stack = Stack(tmp_path / "home", broken)
    try:
        with pytest.raises(HeadwaterError, match=r"broken .*no such table.*headwater logs broken"):
            stack.up()
        states = {row.name: row.state for row in status(stack.waves, stack.supervisor)}
        assert states == {"redis": "running", "broken": "starting"}
        assert log_files(stack.supervisor.run, "broken", stack.waves)
    finally:
        stack.down()


def test_two_homes_run_side_by_side(stack: Stack, tmp_path: Path) -> None:
    other = Stack(tmp_path / "other")
    try:
        stack.up()
        other.up()
        assert redis_answers(HOST, stack.port)
        assert redis_answers(HOST, other.port)
        other.down()
        assert redis_answers(HOST, stack.port)
    finally:
        other.down()


def test_a_stack_that_is_up_with_other_ports_is_not_mixed(stack: Stack) -> None:
    stack.up()
    moved = Stack(stack.supervisor.run.home)
    with pytest.raises(ConflictError, match="run headwater down first"):
        moved.up()


def test_only_one_up_or_down_is_at_work(stack: Stack) -> None:
    with stack.supervisor.run.locked(), pytest.raises(ConflictError, match="wait until it has ended"):
        stack.up()


def test_an_unknown_log_names_those_there_are(stack: Stack) -> None:
    with pytest.raises(HeadwaterError, match="no server kafkaa: choose one of redis"):
        log_files(stack.supervisor.run, "kafkaa", stack.waves)


def test_a_home_with_a_long_path_gets_a_socket_elsewhere(tmp_path: Path) -> None:
    stack = Stack(tmp_path / ("x" * 120))
    try:
        stack.up()
        assert stack.supervisor.run.socket.exists()
    finally:
        stack.down()
    assert not stack.supervisor.run.socket.parent.exists()


def _count(command: str) -> int:
    found = subprocess.run(["pgrep", "-xf", command], capture_output=True, text=True, check=False)
    return len(found.stdout.split())
