"""The error that stops a run."""

from collections.abc import Sequence

from contracts.errors import HeadwaterError


class BrokenDataError(HeadwaterError):
    """Data that training must not read. ``failures`` are the expectations that failed, in sentences."""

    def __init__(self, suite: str, failures: Sequence[str], docs: str) -> None:
        super().__init__(f"{suite}: {'; '.join(failures)} (Data Docs: {docs})")
        self.suite = suite
        self.failures = tuple(failures)
