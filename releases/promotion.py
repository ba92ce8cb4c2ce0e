"""The one door through which a pointer moves: people, the daily DAG and experiments all come through here."""

from dataclasses import dataclass, field
from pathlib import Path

from contracts.errors import ConflictError, UnavailableError
from contracts.release import CHALLENGER, CHAMPION
from releases.model_repository import place, remove
from releases.pointers import Move, Pointer, Pointers
from releases.registry import Registry
from releases.store import ReleaseStore


@dataclass(frozen=True)
class Moved:
    """What a move led to. ``warnings`` say what the mirror in MLflow could not show; the move stands all the same."""

    champion: Pointer
    challenger: Pointer
    changed: bool
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Door:
    """What a move needs: the releases, the pointers, the model server's folder and MLflow's address (empty: none)."""

    store: ReleaseStore
    pointers: Pointers
    models: Path
    mlflow_url: str = ""

    def promote(
        self, release_id: str, *, who: str, why: str, operation: str | None = None, seen: int | None = None
    ) -> Moved:
        """Makes ``release_id`` champion, once every file of it is verified and its models are placed. A challenger
        of that id is cleared in the same transaction. Already champion: nothing is moved.

        ``operation`` makes a retry harmless: the same one moves once. ``seen`` is the revision of the champion that
        the caller decided upon: ConflictError when it has moved since. Raises NotFoundError, DamagedReleaseError,
        ConflictError, UnavailableError; then nothing has moved.
        """
        return self._to(release_id, who=who, why=why, kind="promote", operation=operation, seen=seen)

    def rollback(self, *, who: str, why: str, operation: str | None = None, seen: int | None = None) -> Moved:
        """Returns to the champion before the present one. Raises ConflictError when there is none before, and what
        ``promote`` raises."""
        if operation is not None and self.pointers.done(operation):
            return self.mirrored(changed=False)
        previous = self.pointers.previous_champion()
        if previous is None:
            raise ConflictError("there is no champion before the present one; use headwater release promote ID")
        return self._to(previous, who=who, why=why, kind="rollback", operation=operation, seen=seen)

    def challenge(self, release_id: str | None, *, who: str, why: str, operation: str | None = None) -> Moved:
        """Makes ``release_id`` the challenger, or clears it with None. Raises what ``promote`` raises."""
        current = self.pointers.all()
        if release_id is not None:
            self._ready(release_id)
        if current[CHALLENGER].release_id == release_id:
            return self.mirrored(changed=False)
        revision = current[CHALLENGER].revision
        self.pointers.move(CHALLENGER, release_id, revision, who, why, operation=operation)
        return self.mirrored(changed=True)

    def mirrored(self, *, changed: bool) -> Moved:
        """Shows the pointers in MLflow as they stand now; a failure becomes a warning."""
        current = self.pointers.all()
        warnings: list[str] = []
        if self.mlflow_url:
            try:
                with Registry(self.mlflow_url) as registry:
                    warnings = registry.mirror({name: pointer.release_id for name, pointer in current.items()})
            except UnavailableError as error:
                warnings = [f"the pointer stands, but its mirror does not: {error}"]
        return Moved(current[CHAMPION], current[CHALLENGER], changed, warnings)

    def _to(self, release_id: str, *, who: str, why: str, kind: str, operation: str | None, seen: int | None) -> Moved:
        if operation is not None and self.pointers.done(operation):
            return self.mirrored(changed=False)
        current = self.pointers.all()
        if seen is not None and seen != current[CHAMPION].revision:
            raise ConflictError(
                f"the champion is {current[CHAMPION].release_id} by now, moved since you looked; look and try again"
            )
        self._ready(release_id)
        if current[CHAMPION].release_id == release_id:
            return self.mirrored(changed=False)
        moves = [Move(CHAMPION, release_id, current[CHAMPION].revision)]
        if current[CHALLENGER].release_id == release_id:
            moves.append(Move(CHALLENGER, None, current[CHALLENGER].revision))
        self.pointers.move_together(moves, who, why, kind=kind, operation=operation)
        return self.mirrored(changed=True)

    def _ready(self, release_id: str) -> None:
        self.store.verify(release_id)
        place(self.store.open(release_id), self.models)

    def delete(self, release_id: str) -> None:
        """Deletes a release and takes its models from the server. Raises ConflictError when a pointer stands on it."""
        for name, pointer in self.pointers.all().items():
            if pointer.release_id == release_id:
                raise ConflictError(f"release {release_id} is {name}; move the pointer before deleting it")
        self.store.delete(release_id)
        remove(int(release_id[1:], 16), self.models)
