"""Work that is done again and again beside the requests."""

import logging
import threading
from collections.abc import Callable

from contracts.errors import HeadwaterError

log = logging.getLogger(__name__)


class Ticker:
    """Calls a function again and again in a thread; a HeadwaterError or OSError of it is logged, nothing ends it."""

    def __init__(self, name: str, function: Callable[[], None], seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins; the first call comes at once."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._function()
            except (HeadwaterError, OSError, ValueError) as error:
                log.warning("%s: %s", self._thread.name, error)
            self._stopping.wait(self._seconds)

    def stop(self, seconds: float = 5.0) -> None:
        """Ends the thread after the call that runs."""
        self._stopping.set()
        self._thread.join(seconds)
