"""Pointers move by compare-and-set, together, once, and every move is written down."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from contracts.release import CHALLENGER, CHAMPION
from database.engine import connect
from releases.pointers import Pointer, Pointers
from releases.promotion import Door
from releases.store import DamagedReleaseError, ReleaseStore
from tests.releases.releases import published

A, B, C = "r00000000000a", "r00000000000b", "r00000000000c"


def noon() -> float:
    return 1_767_355_200.0


WHO: dict[str, Any] = {"who": "ann", "why": "test"}


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def door(engine: sa.Engine, tmp_path: Path) -> Door:
    store = ReleaseStore(tmp_path / "releases")
    for identifier in (A, B, C):
        published(store, identifier)
    return Door(store, Pointers(engine, noon), tmp_path / "models")


def test_a_move_is_written_down_with_who_when_why_from_and_to(engine: sa.Engine) -> None:
    pointers = Pointers(engine, noon)
    assert pointers.get(CHAMPION) == Pointer(None, 0)
    assert pointers.move(CHAMPION, A, 0, "ann", "first") == Pointer(A, 1)
    assert pointers.move(CHAMPION, B, 1, "bob", "better") == Pointer(B, 2)
    line = pointers.audit()[0]
    assert (line.who, line.why, line.from_release, line.to_release, line.revision) == ("bob", "better", A, B, 2)
    assert line.at.timestamp() == noon()


def test_a_stale_revision_loses_and_moves_nothing(engine: sa.Engine) -> None:
    pointers = Pointers(engine, noon)
    pointers.move(CHAMPION, A, 0, "ann", "first")
    with pytest.raises(ConflictError, match="revision 1, expected 0"):
        pointers.move(CHAMPION, B, 0, "bob", "late")
    assert pointers.get(CHAMPION) == Pointer(A, 1)
    assert len(pointers.audit()) == 1


def test_of_eight_movers_at_once_one_wins(engine: sa.Engine) -> None:
    def attempt(number: int) -> bool:
        try:
            Pointers(engine, noon).move(CHAMPION, A, 0, str(number), "race")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert len(Pointers(engine).audit()) == 1


def test_an_unknown_pointer_is_refused_and_an_unreachable_server_named() -> None:
    nowhere = Pointers(connect("postgresql+psycopg2://nobody@127.0.0.1:1/none"), noon)
    with pytest.raises(InvalidInputError, match="champion"):
        nowhere.move("winner", A, 0, "ann", "x")
    with pytest.raises(UnavailableError, match="PostgreSQL"):
        nowhere.get(CHAMPION)


def test_promoting_the_challenger_moves_both_pointers_in_one_transaction(door: Door) -> None:
    door.promote(A, **WHO)
    door.challenge(B, **WHO)
    moved = door.promote(B, **WHO)
    assert (moved.champion.release_id, moved.challenger.release_id) == (B, None)
    assert [(line.pointer, line.to_release) for line in door.pointers.audit()[:2]] == [
        (CHALLENGER, None),
        (CHAMPION, B),
    ]
    assert (door.models / "ranker" / str(0xB)).is_dir()


def test_rollback_goes_back_one_champion_at_a_time(door: Door) -> None:
    for identifier in (A, B, C):
        door.promote(identifier, **WHO)
    assert door.rollback(**WHO).champion.release_id == B
    assert door.rollback(**WHO).champion.release_id == A
    with pytest.raises(ConflictError, match="no champion before"):
        door.rollback(**WHO)
    door.promote(C, **WHO)
    assert door.rollback(**WHO).champion.release_id == A


def test_promoting_the_champion_again_changes_nothing(door: Door) -> None:
    door.promote(A, **WHO)
    assert not door.promote(A, **WHO).changed
    assert len(door.pointers.audit()) == 1


def test_a_damaged_deleted_or_unknown_release_never_becomes_champion(door: Door) -> None:
    for identifier in (A, B):
        door.promote(identifier, **WHO)
    (door.store.open(A) / "items.parquet").unlink()
    (door.store.open(C) / "items.parquet").unlink()
    with pytest.raises(DamagedReleaseError, match=r"items\.parquet is missing"):
        door.promote(C, **WHO)
    with pytest.raises(DamagedReleaseError, match=r"items\.parquet is missing"):
        door.rollback(**WHO)
    with pytest.raises(NotFoundError):
        door.promote("rffffffffffff", **WHO)
    assert door.pointers.get(CHAMPION).release_id == B


def test_one_operation_moves_once_however_often_it_is_retried(door: Door) -> None:
    door.promote(A, **WHO)
    assert door.promote(B, **WHO, operation="experiment:x1").changed
    door.rollback(**WHO)
    assert not door.promote(B, **WHO, operation="experiment:x1").changed
    assert door.pointers.get(CHAMPION).release_id == A


def test_a_release_in_use_is_not_deleted(door: Door) -> None:
    door.promote(A, **WHO)
    with pytest.raises(ConflictError, match="is champion"):
        door.delete(A)
    door.delete(B)
    assert [one.id for one in door.store.list()] == [A, C]


def test_mlflow_down_is_reported_and_the_pointer_has_moved(door: Door) -> None:
    moved = Door(door.store, door.pointers, door.models, "http://127.0.0.1:1").promote(A, **WHO)
    assert "MLflow is unavailable" in moved.warnings[0]
    assert door.pointers.get(CHAMPION).release_id == A
