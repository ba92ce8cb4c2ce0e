"""Items put and deleted: the last change counts, whatever clocks say, and a start without Kafka knows it."""

import time

from contracts.catalogue import CatalogueChange, Item
from contracts.clock import utc
from serving.gateway.catalogue import Catalogue, Placed
from tests.serving.conftest import WithChanges
from tests.serving.running import RunningGateway


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
