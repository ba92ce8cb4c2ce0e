"""Waits for the consumer of the stack that runs: behind a backlog, another benchmark would measure that backlog."""

import sys
import time

from contracts.errors import UnavailableError
from contracts.settings import Settings
from streaming.health import stream_health

GIVE_UP_SECONDS = 3_600.0
SAY_EVERY_SECONDS = 15.0


def wait_until_applied(settings: Settings, at_most: int = 0) -> None:
    """Returns once all but ``at_most`` events are applied and users' vectors written; says how far it is. Raises
    UnavailableError after an hour."""
    began = said = time.monotonic()
    while time.monotonic() - began < GIVE_UP_SECONDS:
        health = stream_health(settings)
        behind = sum(health.lag.values())
        if behind + health.vectors_behind <= at_most:
            return
        if time.monotonic() - said > SAY_EVERY_SECONDS:
            said = time.monotonic()
            sys.stderr.write(f"[{said - began:5.0f} s] {behind:,} events wait for the consumer\n")
        time.sleep(1)
    raise UnavailableError("the consumer", f"it had not caught up after {GIVE_UP_SECONDS:.0f} s")
