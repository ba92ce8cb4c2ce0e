"""What is looked at before the stack starts: a shortage is one sentence that says what to do."""

import shutil
import socket
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psutil

from contracts.errors import HeadwaterError
from stack.jars import jar_files
from stack.java import require_java
from stack.server import Server

GIB: Final = 1 << 30
MEMORY_NEEDED: Final = 4 * GIB
"""Available memory for the servers alone, as measured, with room for a request or two."""

DISK_NEEDED: Final = 2 * GIB


def check_machine(home: Path, *, memory: int | None = None, disk: int | None = None) -> None:
    """Raises HeadwaterError when Python, Java, the jars, memory or disk do not do. ``memory`` and ``disk`` are the
    bytes available, by default those of this machine.
    """
    if sys.version_info[:2] != (3, 11):
        raise HeadwaterError("Headwater needs Python 3.11: install it and run make clean setup.")
    require_java()
    for name in ("kafka", "spark"):
        jar_files(name)
    available = psutil.virtual_memory().available if memory is None else memory
    if available < MEMORY_NEEDED:
        raise HeadwaterError(
            f"{available / GIB:.1f} GiB of memory are available and the stack needs {MEMORY_NEEDED / GIB:.0f}: "
            "end other programs first."
        )
    free = shutil.disk_usage(_existing(home)).free if disk is None else disk
    if free < DISK_NEEDED:
        raise HeadwaterError(
            f"{free / GIB:.1f} GiB of disk are free under {home} and the stack needs {DISK_NEEDED / GIB:.0f}: "
            "make room or set HEADWATER_HOME to a larger disk."
        )


def check_ports(servers: Iterable[Server], bind: str) -> None:
    """Raises HeadwaterError when another program listens on a port of one of ``servers``."""
    for server in servers:
        for port in server.ports:
            if not port_is_free(bind, port):
                raise HeadwaterError(
                    f"Port {port}, which {server.name} needs, is in use by another program: "
                    "end that program or set HEADWATER_PORT_BASE to another first port."
                )


def port_is_free(bind: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
        return True


def free_ports(bind: str, count: int) -> list[int]:
    """``count`` different ports on which a server could listen now, chosen by the system."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((bind, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
