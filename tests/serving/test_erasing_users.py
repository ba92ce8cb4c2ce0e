"""A user erased from the lake leaves no row and no file that still holds them."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from contracts.events import Interaction
from lake.store import Lake
from serving.erasure.job import erase_waiting
from serving.erasure.ledger import Ledger


def _rows(user_id: str, day: int, count: int) -> pa.Table:
    rows = [
        Interaction(
            event_id=f"{user_id}-{day}-{at}",
            user_id=user_id,
            item_id="i",
            timestamp=datetime(2026, 11, day, tzinfo=UTC),
            source="import",
            origin="file:1",
        ).model_dump()
        for at in range(count)
    ]
    return pa.Table.from_pylist(rows, Interaction.arrow_schema())


def test_rows_and_files_of_the_user_are_gone_and_others_stay(tmp_path: Path) -> None:
    lake, ledger = Lake(str(tmp_path / "lake")), Ledger(tmp_path / "erasures")
    lake.append("interactions", pa.concat_tables([_rows("leaver", 1, 3), _rows("stays", 1, 2), _rows("leaver", 2, 1)]))
    ledger.request("leaver", 1.0, online_keys=2)
    (erasure,) = erase_waiting(ledger, lake, lambda: 5.0)
    assert erasure.tables["interactions"] == 4
    assert lake.read("interactions")["user_id"].to_pylist() == ["stays", "stays"]
    assert all(b"leaver" not in file.read_bytes() for file in (tmp_path / "lake").rglob("*.parquet"))
    found = ledger.find("leaver")
    assert found is not None
    assert (found.state, found.finished_at, found.user_id) == ("done", 5.0, "")
    assert all(b"leaver" not in file.read_bytes() for file in (tmp_path / "erasures").iterdir())
    assert erase_waiting(ledger, lake, lambda: 6.0) == []


def test_a_user_without_rows_is_done_all_the_same(tmp_path: Path) -> None:
    lake, ledger = Lake(str(tmp_path / "lake")), Ledger(tmp_path / "erasures")
    ledger.request("nobody", 1.0, online_keys=0)
    (erasure,) = erase_waiting(ledger, lake, lambda: 5.0)
    assert set(erasure.tables.values()) == {0}
    assert erasure.state == "done"
