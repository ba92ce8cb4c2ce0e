"""What an import brought into the lake, so that the same file twice changes nothing."""

from enum import StrEnum

from contracts.rows import Id, Instant, Row


class ImportState(StrEnum):
    """``started`` is written before the first table, ``complete`` after the last one."""

    STARTED = "started"
    COMPLETE = "complete"


class ImportRecord(Row):
    """One import (table ``imports``). ``id`` is a hash of the content and of how it was read.

    ``counts`` has ``<table>.accepted``, ``<table>.inserted``, ``<table>.duplicates`` and
    ``<table>.quarantined.<reason>``; ``shifted_seconds`` was added to every time.
    """

    id: Id
    state: ImportState
    path: str
    sha256: str
    counts: dict[str, int]
    shifted_seconds: float
    imported_at: Instant
