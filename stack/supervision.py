"""supervisord for one home: its configuration, its start and end, and talking to it over its Unix socket."""

import json
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.errors import HeadwaterError
from stack.leftovers import end_leftovers, wait_until_gone
from stack.process import last_line
from stack.run_folder import RunFolder
from stack.server import Server

LOG_MEGABYTES: Final = 20
LOG_BACKUPS: Final = 3
START_SECONDS: Final = 15.0
UNKNOWN: Final = "BAD_NAME"
"""How supervisord's fault begins about a program that it was not started with."""

HEAD: Final = """\
[supervisord]
pidfile={run.supervisor_pid}
logfile={run.logs}/supervisord.log
logfile_maxbytes={megabytes}MB
logfile_backups={backups}
directory={tree}
nocleanup=true

[unix_http_server]
file={run.socket}
chmod=0600

[supervisorctl]
serverurl=unix://{run.socket}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM: Final = """
[program:{server.name}]
command={python} -m stack.launch {run.home} {server.name}
directory={tree}
priority={priority}
autostart=false
autorestart=true
startsecs=1
startretries=30
stopsignal={server.stop_signal}
stopwaitsecs={server.stop_seconds}
stopasgroup={as_group}
killasgroup=true
redirect_stderr=true
stdout_logfile={run.logs}/{server.name}.log
stdout_logfile_maxbytes={megabytes}MB
stdout_logfile_backups={backups}
"""


@dataclass(frozen=True)
class ProgramState:
    """What the supervisor knows of a program. ``started`` is an epoch second, 0 when it never ran."""

    state: str
    pid: int
    started: float


class Supervisor:
    """The supervisord of one home. ``tree`` is the folder that the programs run in."""

    def __init__(self, run: RunFolder, tree: Path) -> None:
        self._run = run
        self._tree = tree

    @property
    def run(self) -> RunFolder:
        """Its files."""
        return self._run

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except (OSError, xmlrpc.client.Error):
            return False

    def start(self, servers: Sequence[Server]) -> None:
        """Writes the configuration and starts the daemon, with no program running yet."""
        self._run.make()
        self.write(servers)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._run.configuration)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, start_new_session=True, cwd=self._tree
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.alive():
            if done.returncode != 0 or time.monotonic() > deadline:
                reason = (done.stderr or done.stdout).strip() or last_line(self._run.logs / "supervisord.log")
                raise HeadwaterError(f"The supervisor did not start: {reason.splitlines()[-1]}")
            time.sleep(0.05)

    def write(self, servers: Sequence[Server]) -> None:
        """Writes the configuration and the programs (readable by the owner only)."""
        common: dict[str, Any] = {
            "run": self._run,
            "tree": self._tree,
            "megabytes": LOG_MEGABYTES,
            "backups": LOG_BACKUPS,
        }
        text = HEAD.format(**common)
        for priority, server in enumerate(servers):
            # PostgreSQL ends its own children in order; a signal to each of them would look like a crash to it.
            as_group = "false" if server.name == "postgres" else "true"
            text += PROGRAM.format(server=server, priority=priority, python=sys.executable, as_group=as_group, **common)
        self._run.configuration.write_text(text)
        self._run.programs.touch(mode=0o600)
        self._run.programs.write_text(json.dumps(described(servers)))

    def written(self) -> dict[str, Any]:
        """The programs that the running stack was started with."""
        programs: dict[str, Any] = json.loads(self._run.programs.read_text())
        return programs

    def states(self) -> dict[str, ProgramState]:
        """Every program by name; empty when the supervisor does not run."""
        try:
            answer: Any = self._call("getAllProcessInfo")
        except (OSError, xmlrpc.client.Error):
            return {}
        return {info["name"]: ProgramState(info["statename"], info["pid"], info["start"]) for info in answer}

    def start_program(self, name: str) -> None:
        """Starts one program and returns at once; one that runs already is left alone."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultString.startswith(UNKNOWN):
                raise HeadwaterError(f"The running stack has no {name} yet: headwater down, then up.") from fault
            if not fault.faultString.startswith("ALREADY_STARTED"):
                raise HeadwaterError(f"{name} could not be started: {fault.faultString}") from fault

    def stop_programs(self, names: Iterable[str], seconds: float) -> None:
        """Stops these together and waits until all of them have ended (the supervisor kills those that do not). One
        that the running stack does not have, because an older version started it, is stopped already."""
        stopping = []
        for name in names:
            try:
                self._call("stopProcess", name, False)
                stopping.append(name)
            except xmlrpc.client.Fault as fault:
                if not fault.faultString.startswith(("NOT_RUNNING", UNKNOWN)):
                    raise HeadwaterError(f"{name} could not be stopped: {fault.faultString}") from fault
        deadline = time.monotonic() + seconds
        while any(state.pid for name, state in self.states().items() if name in stopping):
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)

    def shutdown(self, names: Sequence[str], seconds: float = 60.0) -> None:
        """Ends the daemon and whatever any of its programs left behind, then removes the run folder."""
        try:
            pid = int(self._run.supervisor_pid.read_text())
        except (OSError, ValueError):
            pid = 0
        if self.alive():
            self._call("shutdown")
            if pid and not wait_until_gone(pid, seconds):
                raise HeadwaterError(f"The supervisor (process {pid}) did not end in {seconds:.0f} s: kill it.")
        end_leftovers(self._run, names)
        self._run.remove()

    def _call(self, method: str, *arguments: object) -> Any:
        """One call over a connection of its own, so that threads may call at the same time.

        Raises OSError when nobody listens and xmlrpc.client.Error when the supervisor refuses.
        """
        from supervisor.xmlrpc import SupervisorTransport

        transport = SupervisorTransport(None, None, f"unix://{self._run.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def described(servers: Iterable[Server]) -> dict[str, Any]:
    """Commands and variables, as they are written down for ``stack.launch``."""
    return {
        server.name: {"command": list(server.command), "environment": dict(server.environment)} for server in servers
    }
