"""Up, down and status of the whole stack."""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from contracts.errors import ConflictError, HeadwaterError
from stack.preflight import check_machine, check_ports
from stack.process import last_line
from stack.run_folder import RunFolder
from stack.server import Server
from stack.supervision import ProgramState, Supervisor, described

POLL_SECONDS: Final = 0.25
DEAD: Final = {"FATAL", "EXITED", "UNKNOWN"}

Say = Callable[[str], None]
Waves = Sequence[Sequence[Server]]


@dataclass(frozen=True)
class ServerStatus:
    """One line of ``headwater status``: ``state`` is running, starting, stopped or failed."""

    name: str
    state: str
    pid: int | None
    address: str


def up(waves: Waves, supervisor: Supervisor, bind: str, say: Say) -> bool:
    """Starts what does not run, wave by wave. Returns whether anything had to be started.

    Raises HeadwaterError when the machine will not do, a port is taken, or a server is not healthy in time.
    """
    servers = [server for wave in waves for server in wave]
    run = supervisor.run
    with run.locked():
        began = time.monotonic()
        if supervisor.alive():
            _same_addresses(supervisor, servers, say)
        else:
            check_machine(run.home)
            for server in servers:
                server.require()
            supervisor.shutdown([server.name for server in servers])
            check_ports(servers, bind)
            supervisor.start(servers)
        started = False
        for wave in waves:
            started |= _start_wave(wave, supervisor, say, began)
        return started


def down(waves: Waves, supervisor: Supervisor, say: Say) -> bool:
    """Stops everything, last wave first, and leaves no process and no lock. Returns whether anything ran."""
    run = supervisor.run
    if not run.folder.exists():
        return False
    with run.locked():
        alive = supervisor.alive()
        if alive:
            for wave in reversed(waves):
                say(f"stopping {', '.join(server.name for server in wave)}")
                supervisor.stop_programs(
                    [server.name for server in wave], max(server.stop_seconds for server in wave) + 5
                )
        supervisor.shutdown([server.name for wave in waves for server in wave])
        return alive


def status(waves: Waves, supervisor: Supervisor) -> list[ServerStatus]:
    """Every server, in the order in which they start; the health checks run at the same time."""
    servers = [server for wave in waves for server in wave]
    states = supervisor.states()
    with ThreadPoolExecutor(len(servers)) as pool:
        return list(pool.map(lambda server: _status(server, states.get(server.name)), servers))


def log_files(run: RunFolder, name: str, waves: Waves) -> list[str]:
    """The log of a server, oldest part first. Raises HeadwaterError when there is no such server or no log yet."""
    names = [server.name for wave in waves for server in wave]
    if name not in names:
        raise HeadwaterError(f"There is no server {name}: choose one of {', '.join(names)}.")
    current = run.logs / f"{name}.log"
    if not current.exists():
        raise HeadwaterError(f"{name} has no log yet: start the stack with headwater up.")
    older = sorted(run.logs.glob(f"{name}.log.*"), reverse=True)
    return [str(file) for file in (*older, current)]


def _status(server: Server, program: ProgramState | None) -> ServerStatus:
    pid = program.pid if program is not None and program.pid else None
    return ServerStatus(server.name, _judge(server, program), pid, server.address)


def _judge(server: Server, program: ProgramState | None) -> str:
    if program is None or program.state in {"STOPPED", "STOPPING"}:
        return "stopped"
    if program.state in DEAD:
        return "failed"
    if program.state == "RUNNING" and server.healthy(program.started):
        return "running"
    age = time.time() - program.started if program.started else 0.0
    return "failed" if age > server.ready_seconds and program.state == "RUNNING" else "starting"


def _same_addresses(supervisor: Supervisor, servers: Sequence[Server], say: Say) -> None:
    written, wanted = supervisor.written(), described(servers)
    if {name: program["command"] for name, program in written.items()} != {
        name: program["command"] for name, program in wanted.items()
    }:
        raise ConflictError("The stack is up with other settings: run headwater down first, then headwater up.")
    differing = [name for name, program in wanted.items() if program["environment"] != written[name]["environment"]]
    if differing:
        say(f"settings have changed since {', '.join(differing)} started: headwater down and up puts them in force")


def _start_wave(wave: Sequence[Server], supervisor: Supervisor, say: Say, began: float) -> bool:
    states = supervisor.states()
    missing = [server for server in wave if _judge(server, states.get(server.name)) != "running"]
    if not missing:
        return False
    with ThreadPoolExecutor(len(missing)) as pool:
        for _ in pool.map(lambda server: _start(server, supervisor, say, began), missing):
            pass
    return True


def _start(server: Server, supervisor: Supervisor, say: Say, began: float) -> None:
    say(f"[{time.monotonic() - began:5.1f} s] starting {server.name}")
    server.prepare()
    supervisor.start_program(server.name)
    deadline = time.monotonic() + server.ready_seconds
    while True:
        program = supervisor.states().get(server.name)
        if program is not None and program.state == "RUNNING" and server.healthy(program.started):
            break
        if program is None or program.state in DEAD or time.monotonic() > deadline:
            _give_up(server, supervisor, program)
        time.sleep(POLL_SECONDS)
    server.finish()
    say(f"[{time.monotonic() - began:5.1f} s] {server.name} is up at {server.address}")


def _give_up(server: Server, supervisor: Supervisor, program: ProgramState | None) -> None:
    log = last_line(supervisor.run.logs / f"{server.name}.log")
    how = (
        f"was not healthy within {server.ready_seconds} s" if program and program.state not in DEAD else "keeps ending"
    )
    raise HeadwaterError(f"{server.name} {how} (its log ends: {log}): see headwater logs {server.name}.")


def names(waves: Waves) -> Iterable[str]:
    """Every server's name, in the order of start."""
    return (server.name for wave in waves for server in wave)
