"""What it takes to run one server of the embedded stack."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def nothing() -> None:
    """Needs no work."""


@dataclass(frozen=True)
class Server:
    """One long-lived process: how it is started, how one sees that it serves, and how it is stopped.

    ``require`` raises HeadwaterError where the machine lacks what the server needs; every server is asked before the
    first one starts. ``prepare`` runs before the process starts and ``finish`` once it is healthy; both may run again
    at every start and change nothing the second time. ``healthy`` takes at most a few seconds and never raises for a
    server that is down. ``started`` is the epoch second at which the process began.
    """

    name: str
    command: tuple[str, ...]
    address: str
    ports: tuple[int, ...]
    healthy: Callable[[float], bool]
    require: Callable[[], None] = nothing
    prepare: Callable[[], None] = nothing
    finish: Callable[[], None] = nothing
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    ready_seconds: int = 60

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z-]*", self.name):
            raise ValueError(f"{self.name!r} is no name of a server: use lower-case letters and dashes")
