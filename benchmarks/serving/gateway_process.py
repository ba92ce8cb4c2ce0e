"""The gateway as a process: what it holds in memory, and how long it takes to start."""

import tempfile
import time
from pathlib import Path

import httpx
import psutil

from contracts.errors import UnavailableError
from contracts.settings import Settings
from stack.composition import stack_environment
from stack.preflight import free_ports
from stack.process import running
from stack.servers.headwater import gateway

GIVE_UP_SECONDS = 120.0


def memory_mib(port: int) -> float:
    """Resident memory of the processes that listen on ``port`` and of their children, MiB. Raises UnavailableError."""
    return sum(psutil.Process(pid).memory_info().rss for pid in _processes(port)) / 2**20


def mapped_mib(port: int) -> float:
    """The part of ``memory_mib`` that is pages of files (Linux's RssFile): the system may drop them and processes share
    them. Raises UnavailableError."""
    return sum(psutil.Process(pid).memory_info().shared for pid in _processes(port)) / 2**20


def _processes(port: int) -> set[int]:
    listening = [
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == "LISTEN" and one.laddr and one.laddr.port == port and one.pid is not None
    ]
    processes = {child for pid in listening for child in (pid, *(c.pid for c in psutil.Process(pid).children(True)))}
    if not processes:
        raise UnavailableError("the gateway", f"no process listens on port {port}")
    return processes


def start_to_ready(settings: Settings) -> float:
    """Seconds from the start of another gateway of the same installation until a release is in force in it."""
    with tempfile.TemporaryDirectory() as folder:
        port, metrics_port = free_ports(settings.bind, 2)
        changed = {"home": Path(folder), "gateway_port": port, "gateway_metrics_port": metrics_port}
        server = gateway(settings.bind, port, metrics_port, stack_environment(settings.model_copy(update=changed)))
        begun = time.monotonic()
        with running(server, Path(folder)):
            wait_until_ready(server.address)
            return time.monotonic() - begun


def wait_until_ready(url: str) -> None:
    """Returns once the gateway at ``url`` has a release in force. Raises UnavailableError."""
    end = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/readyz", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise UnavailableError("the gateway", f"{url} was not ready within {GIVE_UP_SECONDS:.0f} s")
