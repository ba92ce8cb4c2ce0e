"""A user erased leaves no row, no file that still holds one, and nothing that the stream could bring back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis

from contracts.events import Interaction, QuarantinedRow
from contracts.impressions import Impression
from feature_repo.erased import digest, erased_until, forget
from feature_repo.online import PROJECT
from feature_repo.redis_layout import encode_entity_key
from lake.store import Lake
from serving.erasure.job import KAFKA_SECONDS, erase_waiting
from serving.erasure.ledger import DONE, ERASED, Ledger
from serving.erasure.online import filled_again, remember_waiting

ASKED = datetime(2026, 11, 20, tzinfo=UTC)
LEAVER = "o'leary (🙂)"


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


def _refused(payload: str) -> dict[str, object]:
    row = QuarantinedRow(
        table="interactions",
        reason="r",
        field="f",
        origin="o",
        payload=payload,
        quarantined_at=ASKED - timedelta(days=1),
        import_id="x",
    )
    return row.model_dump()


class Place:
    """A lake, a ledger and a home with one request for ``LEAVER``, and what was erased online."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake, self.ledger = Lake(str(folder / "lake")), Ledger(folder / "erasures")
        self.online: list[str] = []
        self.ledger.request(LEAVER, ASKED.timestamp(), online_keys=2)

    def erase(self, after_seconds: float = 5.0) -> str:
        def online(user_id: str) -> int:
            self.online.append(user_id)
            return 1

        now = ASKED.timestamp() + after_seconds
        (erasure,) = erase_waiting(self.ledger, self.lake, self.folder, online, lambda: now)
        return erasure.state

    def holds_leaver(self, where: str) -> bool:
        files = [path for path in (self.folder / where).rglob("*") if path.is_file() and "_delta_log" not in str(path)]
        return any(LEAVER.encode() in path.read_bytes() for path in files)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_rows_and_files_of_the_user_are_gone_and_others_stay(place: Place) -> None:
    tables = [_rows(LEAVER, 1, 3), _rows("stays", 1, 2), _rows(LEAVER, 2, 1)]
    place.lake.append("interactions", pa.concat_tables(tables))
    derived = pa.table({"user_id": [LEAVER, "stays"], "actions": [1, 2]})
    place.lake.append("profiles", derived)
    quarantined = [_refused(f'{{"user_id":"{LEAVER}"}}'), _refused(f'{{"user_id":"{LEAVER}2"}}')]
    place.lake.append("quarantine", pa.Table.from_pylist(quarantined, QuarantinedRow.arrow_schema()))
    assert place.erase() == ERASED
    assert place.lake.read("interactions")["user_id"].to_pylist() == ["stays", "stays"]
    assert place.lake.read("profiles")["user_id"].to_pylist() == ["stays"]
    assert place.lake.count("quarantine") == 1
    assert not place.holds_leaver("lake/interactions")
    found = place.ledger.find(LEAVER)
    assert found is not None
    assert {name: found.tables[name] for name in ("interactions", "profiles", "quarantine")} == {
        "interactions": 4,
        "profiles": 1,
        "quarantine": 1,
    }
    assert (place.online, found.online_keys) == ([LEAVER], 3)


def test_exports_training_runs_and_waiting_impressions_lose_the_user(place: Place) -> None:
    table = pa.table({"user_id": [LEAVER, "stays", LEAVER], "value": [1, 2, 3]})
    waiting = place.folder / "gateway" / "impressions" / "one.spilled"
    for path in (place.folder / "exports" / "r1" / "v.parquet", place.folder / "runs" / "r1" / "set" / "v.parquet"):
        path.parent.mkdir(parents=True)
        pq.write_table(table, path)
    waiting.parent.mkdir(parents=True)
    shown = [
        Impression(request_id="q", user_id=user, item_id="i", position=1, timestamp=ASKED).to_payload()
        for user in (LEAVER, "stays")
    ]
    waiting.write_bytes(b"\n".join(shown))
    place.erase()
    found = place.ledger.find(LEAVER)
    assert found is not None
    assert found.files == {"exports": 2, "runs": 2, "impressions waiting": 1}
    assert not any(place.holds_leaver(folder) for folder in ("exports", "runs", "gateway"))
    assert waiting.read_bytes().splitlines() == shown[1:]


def test_what_the_stream_brings_late_goes_too_until_kafka_is_clear(place: Place) -> None:
    assert place.erase() == ERASED
    place.lake.append("interactions", pa.concat_tables([_rows(LEAVER, 19, 2), _rows(LEAVER, 21, 1)]))
    assert place.erase(86_400) == ERASED
    assert place.lake.read("interactions")["timestamp"].to_pylist() == [datetime(2026, 11, 21, tzinfo=UTC)]
    assert place.online == [LEAVER]
    assert place.erase(KAFKA_SECONDS) == DONE
    found = place.ledger.find(LEAVER)
    assert found is not None
    assert (found.user_id, found.finished_at) == ("", ASKED.timestamp() + KAFKA_SECONDS)
    assert not place.holds_leaver("erasures")
    assert erase_waiting(place.ledger, place.lake, place.folder, lambda _: 0, lambda: 0.0) == []


def test_a_clock_ahead_of_ours_keeps_no_row(place: Place) -> None:
    def came(rows: pa.Table, moment: datetime) -> pa.Table:
        at = rows.column_names.index("received_at")
        return rows.set_column(at, rows.schema.field("received_at"), pa.array([moment], pa.timestamp("us", tz="UTC")))

    before = came(_rows(LEAVER, 21, 1), ASKED - timedelta(seconds=1))
    late = came(_rows(LEAVER, 1, 1), ASKED + timedelta(seconds=1))
    place.lake.append("interactions", pa.concat_tables([before, late, _rows(LEAVER, 2, 1)]))
    assert place.erase() == ERASED
    assert place.lake.read("interactions")["timestamp"].to_pylist() == [datetime(2026, 11, 1, tzinfo=UTC)]


def test_a_redis_that_was_emptied_is_told_again(place: Place, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert erased_until(client, [LEAVER]) == {}
        remember_waiting(client, place.ledger)
        assert erased_until(client, [LEAVER, "stays"]) == {LEAVER: ASKED.timestamp()}
        forget(client, {digest(LEAVER): ASKED.timestamp()})


def test_whom_the_stream_brought_back_into_an_emptied_redis_is_erased_again(place: Place, redis_url: str) -> None:
    key = encode_entity_key(PROJECT, {"user_id": LEAVER})
    with redis.Redis.from_url(redis_url) as client:
        client.hset(key, "field", "of messages from before")
        assert filled_again(client, place.ledger, []) == 0, "the request itself is not carried out yet"
        assert place.erase() == ERASED
        assert filled_again(client, place.ledger, []) == 1
        assert not client.exists(key)
        remember_waiting(client, place.ledger)
        client.hset(key, "field", "of messages from after")
        assert filled_again(client, place.ledger, []) == 0
        client.delete(key)
        forget(client, {digest(LEAVER): ASKED.timestamp()})


def test_who_asks_again_while_the_job_works_is_erased_anew(place: Place) -> None:
    (working,) = place.ledger.waiting()
    again = place.ledger.request(LEAVER, ASKED.timestamp() + 60, 0)
    place.ledger.finish(place.ledger.erased(working, {}, 0, 0.0), ASKED.timestamp() + 61)
    assert place.ledger.waiting() == [again]


def test_a_user_without_rows_is_erased_all_the_same(place: Place) -> None:
    place.lake.append("interactions", _rows("stays", 1, 2))
    assert place.erase() == ERASED
    assert place.lake.count("interactions") == 2
