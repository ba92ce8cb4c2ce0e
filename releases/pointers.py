"""The pointers ``champion`` and ``challenger``: the only mutable thing of a release, moved by compare-and-set."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from contracts.clock import Clock, shifted, utc
from contracts.errors import ConflictError, InvalidInputError
from contracts.release import CHALLENGER, CHAMPION
from database.engine import unavailable
from database.tables import AUDIT, POINTERS

NAMES = (CHAMPION, CHALLENGER)


@dataclass(frozen=True)
class Pointer:
    """Where a pointer stands; ``revision`` grows by one at every move and is 0 before the first."""

    release_id: str | None
    revision: int


@dataclass(frozen=True)
class Move:
    """A pointer to be moved, if it still has ``expected_revision``."""

    name: str
    release_id: str | None
    expected_revision: int


@dataclass(frozen=True)
class AuditLine:
    """One move as it was written down. ``kind`` is promote, rollback or move."""

    at: datetime
    who: str
    why: str
    kind: str
    pointer: str
    from_release: str | None
    to_release: str | None
    revision: int
    operation: str | None


class Pointers:
    """The pointers in PostgreSQL. Every method raises UnavailableError when it does not answer."""

    def __init__(self, engine: sa.Engine, clock: Clock | None = None) -> None:
        self._engine = engine
        self._clock = clock or shifted(0.0)

    def get(self, name: str) -> Pointer:
        """Where ``name`` stands now; nowhere, at revision 0, before its first move."""
        return self.all()[_known(name)]

    def all(self) -> dict[str, Pointer]:
        """Every pointer, read in one statement, so that both are of one moment."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(sa.select(POINTERS)).all()
        except OperationalError as error:
            raise unavailable(error) from error
        return {name: Pointer(None, 0) for name in NAMES} | {r.name: Pointer(r.release_id, r.revision) for r in rows}

    def move(
        self,
        name: str,
        release_id: str | None,
        expected_revision: int,
        who: str,
        why: str,
        *,
        kind: str = "move",
        operation: str | None = None,
    ) -> Pointer:
        """Moves one pointer and writes the audit line, or does neither. Raises ConflictError when it moved since."""
        return self.move_together(
            [Move(name, release_id, expected_revision)], who, why, kind=kind, operation=operation
        )[name]

    def move_together(
        self, moves: Sequence[Move], who: str, why: str, *, kind: str, operation: str | None = None
    ) -> dict[str, Pointer]:
        """Moves several pointers in one transaction: all of them and their audit lines, or none.

        ``operation`` names the reason for moving (an experiment's decision): the same one a second time moves nothing
        and returns what the first made. Raises ConflictError when any pointer has another revision than expected.
        """
        for move in moves:
            _known(move.name)
        now = utc(self._clock())
        moved = {}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.text("LOCK TABLE release_pointers IN SHARE ROW EXCLUSIVE MODE"))
                if operation is not None and (done := _done(connection, operation)):
                    return done
                rows = connection.execute(sa.select(POINTERS)).all()
                current = {r.name: Pointer(r.release_id, r.revision) for r in rows}
                for move in moves:
                    before = current.get(move.name, Pointer(None, 0))
                    if before.revision != move.expected_revision:
                        raise ConflictError(
                            f"{move.name} was moved to {before.release_id or 'nothing'} by someone else "
                            f"(revision {before.revision}, expected {move.expected_revision}); look and try again"
                        )
                    after = Pointer(move.release_id, before.revision + 1)
                    state = {"release_id": after.release_id, "revision": after.revision, "moved_at": now}
                    if before.revision:
                        connection.execute(sa.update(POINTERS).where(POINTERS.c.name == move.name).values(**state))
                    else:
                        connection.execute(sa.insert(POINTERS).values(name=move.name, **state))
                    line = AuditLine(
                        now, who, why, kind, move.name, before.release_id, after.release_id, after.revision, operation
                    )
                    connection.execute(sa.insert(AUDIT).values(**line.__dict__))
                    moved[move.name] = after
        except OperationalError as error:
            raise unavailable(error) from error
        return moved

    def audit(self, limit: int = 100) -> list[AuditLine]:
        """The last ``limit`` moves, newest first."""
        columns = [c for c in AUDIT.columns if c.name != "id"]
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(sa.select(*columns).order_by(AUDIT.c.id.desc()).limit(limit)).all()
        except OperationalError as error:
            raise unavailable(error) from error
        return [AuditLine(**row._mapping) for row in rows]

    def done(self, operation: str) -> bool:
        """Whether the moves of ``operation`` were made."""
        try:
            with self._engine.connect() as connection:
                return bool(_done(connection, operation))
        except OperationalError as error:
            raise unavailable(error) from error

    def previous_champion(self) -> str | None:
        """What a rollback returns to: the champion before the present one, rollbacks undone (A, B, C, rollback to B:
        the next rollback goes to A). None when there was none before."""
        query = sa.select(AUDIT.c.kind, AUDIT.c.to_release).where(AUDIT.c.pointer == CHAMPION).order_by(AUDIT.c.id)
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(query).all()
        except OperationalError as error:
            raise unavailable(error) from error
        line: list[str] = []
        for kind, release_id in rows:
            if kind == "rollback" and line:
                line.pop()
            elif release_id is not None and line[-1:] != [release_id]:
                line.append(release_id)
        return line[-2] if len(line) > 1 else None


def _known(name: str) -> str:
    if name not in NAMES:
        raise InvalidInputError("pointer", f"{name!r} is not one of {', '.join(NAMES)}")
    return name


def _done(connection: sa.Connection, operation: str) -> dict[str, Pointer]:
    rows = connection.execute(sa.select(AUDIT).where(AUDIT.c.operation == operation)).all()
    return {r.pointer: Pointer(r.to_release, r.revision) for r in rows}
