"""Items put and deleted: the last change counts, whatever clocks say, and a start without Kafka knows it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer

from contracts.catalogue import CatalogueChange, Item
from contracts.clock import utc
from contracts.topics import CATALOGUE
from serving.gateway import catalogue_reader
from serving.gateway.catalogue import Catalogue, Placed
from serving.gateway.catalogue_reader import CatalogueReader
from serving.gateway.catalogue_snapshot import CatalogueSnapshot
from serving.kafka_log import KafkaLog
from tests.serving.conftest import WithChanges, World
from tests.serving.running import RunningGateway, wait_until

NOBODY = "127.0.0.1:9"


@pytest.fixture
def log(kafka_bootstrap: str, module_prefix: str) -> Iterator[KafkaLog]:
    one = KafkaLog(kafka_bootstrap, module_prefix)
    one.start()
    assert one.wait_until_up(20)
    yield one
    one.stop()


def put(offset: int, item_id: str, at: float = 0.0) -> Placed:
    return Placed(offset, CatalogueChange(item_id=item_id, item=Item(item_id=item_id), changed_at=utc(at)))


def deleted(offset: int, item_id: str, at: float = 0.0) -> Placed:
    return Placed(offset, CatalogueChange(item_id=item_id, changed_at=utc(at)))


def shown(gateway: RunningGateway) -> set[str]:
    return {item["item_id"] for item in gateway.recommend("nobody", count=100)["items"]}


def test_the_offset_orders_changes_not_the_clock_of_who_wrote_them() -> None:
    heard: list[None] = []
    catalogue = Catalogue(lambda: heard.append(None))
    catalogue.apply([put(0, "a", at=100.0), put(1, "b", at=100.0), deleted(2, "a", at=100.0), deleted(3, "b", at=50.0)])
    assert sorted(catalogue.deleted_ids()) == ["a", "b"]
    catalogue.apply([put(0, "a", at=200.0)])
    assert sorted(catalogue.deleted_ids()) == ["a", "b"]
    assert len(heard) == 1
    catalogue.apply([put(5, "b"), put(4, "a")])
    assert [item.item_id for item in catalogue.put_items()] == ["a", "b"]


def test_a_delete_counts_at_the_same_reading_of_the_clock_as_the_put_and_after_it_jumped_back(
    with_changes: WithChanges,
) -> None:
    now = [time.time()]
    with with_changes(clock=lambda: now[0]) as one:
        assert one.put("/v1/items/i50", json={"category": ["sport"]}).status_code == 200
        assert "i50" in shown(one)
        assert one.delete("/v1/items/i50").status_code == 204
        assert "i50" not in shown(one)
        now[0] -= 20.0
        assert one.put("/v1/items/i50", json={"category": ["sport"]}).status_code == 201
        assert "i50" in shown(one)


def test_a_deleted_item_stays_deleted_after_a_restart_without_kafka(with_changes: WithChanges, world: World) -> None:
    home = world.configuration.home / "deleting"
    snapshot = home / "gateway" / "catalogue.snapshot"
    with with_changes(home=home) as one:
        assert one.put("/v1/items/i61", json={"category": ["sport"], "title": "Sixty-one"}).status_code in (200, 201)
        assert one.delete("/v1/items/i51").status_code == 204
        wait_until(lambda: b"i51" in snapshot.read_bytes() if snapshot.exists() else False)
    with with_changes(home=home, kafka_bootstrap=NOBODY) as alone:
        assert alone.client.get("/readyz").status_code == 200
        assert alone.recommend("nobody")["degraded"] == []
        assert "i51" not in shown(alone)
        assert alone.gateway.catalogue.put_items()[-1].title == "Sixty-one"
    assert not list(snapshot.parent.glob("catalogue*.partial"))


def test_a_start_without_kafka_and_snapshot_serves_and_says_what_it_lacks(with_changes: WithChanges) -> None:
    started = time.monotonic()
    with with_changes(kafka_bootstrap=NOBODY) as alone:
        assert time.monotonic() - started < 10
        assert alone.client.get("/readyz").status_code == 200
        assert alone.recommend("nobody")["degraded"] == ["catalogue"]
        assert alone.get("/v1/items/i3/similar").json()["degraded"] == ["catalogue"]


def test_no_request_is_answered_before_the_topic_is_read(
    with_changes: WithChanges, log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(CATALOGUE, [(b"i52", deleted(0, "i52").change.to_payload())])

    class Slow(KafkaConsumer):  # type: ignore[misc]
        def poll(self, *args: Any, **options: Any) -> Any:
            if not self.config.get("slept"):
                time.sleep(1.5)
                self.config["slept"] = True
            return super().poll(*args, **options)

    monkeypatch.setattr(catalogue_reader, "KafkaConsumer", Slow)
    with with_changes() as one:
        assert "i52" not in shown(one)
        assert one.recommend("nobody")["degraded"] == []


def test_an_item_is_put_again_by_a_topic_that_was_made_anew(
    kafka_bootstrap: str, module_prefix: str, log: KafkaLog, tmp_path: Path
) -> None:
    held = CatalogueSnapshot(tmp_path / "catalogue.snapshot", CATALOGUE.address(module_prefix))
    held.write(1_000_000, [deleted(999_999, "a"), put(999_998, "gone")])
    catalogue = Catalogue(lambda: None)
    log.append(CATALOGUE, [(b"a", put(0, "a").change.to_payload())])
    reader = CatalogueReader(kafka_bootstrap, module_prefix, catalogue, held, lambda _: None)
    reader.start()
    try:
        assert reader.settled.wait(20)
        assert reader.known
        assert "a" in {item.item_id for item in catalogue.put_items()}
        assert catalogue.last("gone") is None
        wait_until(lambda: (held.read() or (1_000_000, []))[0] < 1_000_000)
    finally:
        reader.stop()


def test_a_snapshot_is_never_replaced_by_an_older_one_nor_taken_from_another_topic(tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "catalogue.snapshot"
    one = CatalogueSnapshot(path, "one.catalogue")
    assert one.read() is None
    one.write(3, [deleted(2, "a"), put(1, "b")])
    one.write(2, [put(1, "b")])
    assert one.read() == (3, [deleted(2, "a"), put(1, "b")])
    other = CatalogueSnapshot(path, "other.catalogue")
    assert other.read() is None
    other.write(1, [put(0, "c")])
    assert other.read() == (1, [put(0, "c")])
    one.write(9, [put(8, "d")])
    path.write_bytes(path.read_bytes()[:-5])
    assert one.read() is None, "its header is whole, its body is not"
    one.write(1, [])
    assert one.read() == (1, [])
