"""Which erasures were asked for and how far each is: a file each in ``<home>/erasures``, for its owner alone."""

import json
import os
import uuid
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from feature_repo.erased import digest

REQUESTED, ERASED, DONE = "requested", "erased", "done"
"""Asked for and gone online; gone everywhere but from Kafka's retention; gone."""


@dataclass(frozen=True)
class Erasure:
    """One user's erasure. ``user_id`` is emptied when it is done: the digest is what is left to prove it by.

    ``tables`` maps a table of the lake to the rows removed from it, ``files`` a kind of file; times are epoch seconds.
    ``kafka_clear_at`` is when the last message of before the request has left Kafka, 0 until that is known.
    """

    user_digest: str
    user_id: str
    requested_at: float
    state: str = REQUESTED
    online_keys: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    kafka_clear_at: float = 0.0
    finished_at: float | None = None


class Ledger:
    """The erasures of one installation."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def request(self, user_id: str, now: float, online_keys: int) -> Erasure:
        """Writes down that a user is to be erased. Asked again, it begins again: there may be newer data."""
        erasure = Erasure(digest(user_id), user_id, now, online_keys=online_keys)
        self._write(erasure)
        return erasure

    def find(self, user_id: str) -> Erasure | None:
        """The erasure of a user, or None when nobody asked for one."""
        path = self._path(digest(user_id))
        return Erasure(**json.loads(path.read_text())) if path.exists() else None

    def waiting(self) -> list[Erasure]:
        """Erasures that are not done, oldest first."""
        found = [Erasure(**json.loads(path.read_text())) for path in self._directory.glob("*.json")]
        return sorted((one for one in found if one.state != DONE), key=lambda one: one.requested_at)

    def progress(self, erasure: Erasure, table: str, rows: int) -> Erasure:
        """Writes down that a table is free of the user, by another ``rows`` removed."""
        changed = replace(erasure, tables={**erasure.tables, table: erasure.tables.get(table, 0) + rows})
        self._advance(changed)
        return changed

    def erased(self, erasure: Erasure, files: dict[str, int], online_keys: int, kafka_clear_at: float) -> Erasure:
        """Writes down that all is free of the user but Kafka's topics."""
        keys = erasure.online_keys + online_keys
        changed = replace(erasure, state=ERASED, files=files, online_keys=keys, kafka_clear_at=kafka_clear_at)
        self._advance(changed)
        return changed

    def finish(self, erasure: Erasure, now: float) -> Erasure:
        """Writes down that all is done, and forgets the user's id."""
        changed = replace(erasure, state=DONE, finished_at=now, user_id="")
        self._advance(changed)
        return changed

    def _advance(self, erasure: Erasure) -> None:
        """Writes it down, unless the user has asked again since: that erasure begins anew."""
        path = self._path(erasure.user_digest)
        if not path.exists() or json.loads(path.read_text())["requested_at"] <= erasure.requested_at:
            self._write(erasure)

    def _path(self, user_digest: str) -> Path:
        return self._directory / f"{user_digest}.json"

    def _write(self, erasure: Erasure) -> None:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._directory / f".{uuid.uuid4().hex}"
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(erasure), file)
        partial.rename(self._path(erasure.user_digest))
