"""The one clock. Every part takes the time from here, so that a test can shift or step it for all processes.

The setting is ``real``, ``shift:<seconds>`` (signed, added to the system's time), or ``file:<path>`` (a text file
with epoch seconds, read at every call, which a test rewrites to step time in every process at once).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from contracts.errors import InvalidInputError

Clock = Callable[[], float]
"""Returns the time in epoch seconds, UTC."""


def shifted(seconds: float) -> Clock:
    """The system's time plus ``seconds``."""
    return lambda: time.time() + seconds


def stepped(path: Path) -> Clock:
    """The number in ``path``, epoch seconds. Raises OSError when it is missing, ValueError when it is no number."""
    return lambda: float(path.read_text())


def parse_clock(setting: str) -> Clock:
    """Turns the setting ``HEADWATER_CLOCK`` into a clock. Raises InvalidInputError for any other form."""
    kind, _, argument = setting.partition(":")
    if setting == "real":
        return time.time
    if kind == "file" and argument:
        return stepped(Path(argument))
    if kind == "shift":
        try:
            return shifted(float(argument))
        except ValueError:
            pass
    raise InvalidInputError("HEADWATER_CLOCK", f"{setting!r} is not one of real, shift:<seconds>, file:<path>")


def utc(seconds: float) -> datetime:
    """Epoch seconds as an aware datetime."""
    return datetime.fromtimestamp(seconds, tz=UTC)
