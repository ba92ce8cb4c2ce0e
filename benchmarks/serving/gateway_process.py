"""The gateway as a process: what it holds in memory, and how long it takes to start."""

import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from contracts.errors import UnavailableError
from contracts.settings import Settings
from releases.verified import FOLDER
from serving.gateway.configuration import Configuration
from stack.composition import stack_environment
from stack.preflight import free_ports
from stack.process import running
from stack.servers.headwater import gateway

GIVE_UP_SECONDS = 120.0
COUNT_GIVE_UP_SECONDS = 900.0
COUNTED_SECONDS = 12.0
"""Item counts are no older than this once they follow the store, a few seconds and a look at them behind."""
PAUSE_SECONDS = 0.05
PSS_FILE = re.compile(r"^Pss_File: +(\d+) kB$", re.MULTILINE)
ITEM_AGE = re.compile(r"^headwater_item_features_age_seconds(?:{[^}]*})? (\S+)$", re.MULTILINE)


def memory_mib(port: int) -> float:
    """Resident memory of the processes that listen on ``port``, MiB. Raises UnavailableError."""
    return sum(one.memory_info().rss for one in _processes(port)) / 2**20


def own_mib(port: int) -> float:
    """The part of ``memory_mib`` that is no page of a file: what the processes allocated. Raises UnavailableError."""
    found = [one.memory_info() for one in _processes(port)]
    return sum(one.rss - one.shared for one in found) / 2**20


def mapped_mib(port: int) -> float:
    """Pages of files that the processes have mapped, MiB, one that several share counted once (Linux's Pss_File). The
    system may drop them and read them again. Raises UnavailableError."""
    rollups = [Path(f"/proc/{one.pid}/smaps_rollup").read_text() for one in _processes(port)]
    return sum(int(kib) for rollup in rollups for kib in PSS_FILE.findall(rollup)) / 2**10


def workers(port: int) -> int:
    """The processes that answer on ``port``. Raises UnavailableError."""
    processes = _processes(port)
    parents = {parent for one in processes if (parent := one.parent()) is not None}
    return len(processes - parents)


def _processes(port: int) -> set[psutil.Process]:
    """All that hold the listening socket: the workers, and their parent where there are several."""
    processes = set()
    for one in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(c.status == "LISTEN" and c.laddr and c.laddr.port == port for c in one.net_connections("tcp")):
                processes.add(one)
    if not processes:
        raise UnavailableError("the gateway", f"no process listens on port {port}")
    return processes


def start_to_ready(settings: Settings, *, first: bool = False) -> float:
    """Seconds from the start of another gateway of the same installation until a release is in force in it. ``first``:
    it knows of no release that it was found whole, as every later start does."""
    with tempfile.TemporaryDirectory() as folder:
        if not first:
            shutil.copytree(settings.home / FOLDER, Path(folder) / FOLDER)
        port, metrics_port = free_ports(settings.bind, 2)
        changed = {"home": Path(folder), "gateway_port": port, "gateway_metrics_port": metrics_port}
        server = gateway(settings.bind, port, metrics_port, stack_environment(settings.model_copy(update=changed)))
        begun = time.monotonic()
        with running(server, Path(folder)):
            wait_until_ready(server.address)
            return time.monotonic() - begun


def wait_until_ready(url: str) -> None:
    """Returns once the gateway at ``url`` has a release in force. Raises UnavailableError."""
    _wait(f"{url}/readyz", lambda answer: answer.status_code == 200, GIVE_UP_SECONDS, "ready")


def wait_until_counted(settings: Settings) -> None:
    """Returns once the gateway has read every item's counts, which a new one does for 40 s beside its first requests
    where there are a million. Until then their age counts from its start, so it is looked at only when it would be too
    high. Raises UnavailableError."""

    def counted(answer: httpx.Response) -> bool:
        found = ITEM_AGE.search(answer.text)
        return found is not None and float(found[1]) < COUNTED_SECONDS

    time.sleep(COUNTED_SECONDS + Configuration.refresh_seconds)
    _wait(
        f"{settings.gateway_metrics_url}/metrics",
        counted,
        COUNT_GIVE_UP_SECONDS,
        "done with its first reading of item counts",
    )


def _wait(url: str, fulfilled: Callable[[httpx.Response], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    # One client for all: making one takes longer than the pause, on a core that the gateway needs.
    with httpx.Client(timeout=5, trust_env=False) as client:
        while time.monotonic() < end:
            try:
                if fulfilled(client.get(url)):
                    return
            except httpx.TransportError:
                pass
            time.sleep(PAUSE_SECONDS)
    raise UnavailableError("the gateway", f"{url}: it was not {what} within {seconds:.0f} s")
