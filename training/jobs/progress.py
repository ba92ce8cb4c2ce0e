"""What a step tells the person who waits."""

import sys


def progress(line: str) -> None:
    """A line on stderr."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
