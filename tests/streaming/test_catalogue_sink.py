"""What was put and deleted through the API is in the lake for the next training."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from kafka import KafkaProducer

from contracts.catalogue import CatalogueChange, Item
from contracts.topics import CATALOGUE
from lake.store import Lake
from streaming.catalogue_sink import sink_catalogue
from streaming.topics import ensure_topics

MADE = datetime(2026, 1, 5, tzinfo=UTC)
PUT = MADE + timedelta(days=30)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake that knows the items a and it's."""
    lake = Lake(str(tmp_path / "lake"))
    rows = [{"item_id": one, "category": ["old"], "title": one, "created_at": MADE} for one in ("a", "it's")]
    lake.append("items", pa.Table.from_pylist([row | {"attributes": []} for row in rows], Item.arrow_schema()))
    return lake


def change(bootstrap: str, prefix: str, *changes: CatalogueChange | bytes) -> None:
    ensure_topics(bootstrap, prefix)
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for one in changes:
        key, payload = (b"x", one) if isinstance(one, bytes) else (one.item_id.encode(), one.to_payload())
        producer.send(CATALOGUE.address(prefix), payload, key=key).get(10)
    producer.close()


def put(item_id: str, **values: Any) -> CatalogueChange:
    return CatalogueChange(item_id=item_id, item=Item(item_id=item_id, **values), changed_at=PUT)


def deleted(item_id: str) -> CatalogueChange:
    return CatalogueChange(item_id=item_id, changed_at=PUT)


def held(lake: Lake) -> dict[str, dict[str, Any]]:
    return {row["item_id"]: row for row in lake.read("items").to_pylist()}


def test_the_last_change_of_an_item_is_in_the_lake(
    lake: Lake, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    change(
        kafka_bootstrap,
        topic_prefix,
        put("a", title="A", category=["new"], attributes={"year": "2001"}),
        put("b", title="B"),
        put("c"),
        b"no json",
        deleted("c"),
        deleted("it's"),
        put("b", title="B 2"),
    )
    assert sink_catalogue(lake, kafka_bootstrap, topic_prefix, tmp_path) == 3
    found = held(lake)
    assert found.keys() == {"a", "b"}
    assert (found["a"]["title"], found["a"]["category"], found["a"]["created_at"]) == ("A", ["new"], MADE)
    assert dict(found["a"]["attributes"]) == {"year": "2001"}
    assert (found["b"]["title"], found["b"]["created_at"]) == ("B 2", PUT)


def test_nothing_new_is_not_read_again_and_a_killed_run_is_made_up_for(
    lake: Lake, kafka_bootstrap: str, topic_prefix: str, tmp_path: Path
) -> None:
    change(kafka_bootstrap, topic_prefix, put("b", title="B"))
    assert sink_catalogue(lake, kafka_bootstrap, topic_prefix, tmp_path / "killed before it kept its place") == 1
    assert sink_catalogue(lake, kafka_bootstrap, topic_prefix, tmp_path) == 0
    imported = [{"item_id": "b", "title": "corrected", "category": [], "created_at": MADE, "attributes": []}]
    lake.upsert("items", pa.Table.from_pylist(imported, Item.arrow_schema()), ("item_id",))
    change(kafka_bootstrap, topic_prefix, put("d"))
    assert sink_catalogue(lake, kafka_bootstrap, topic_prefix, tmp_path) == 1
    assert held(lake).keys() == {"a", "it's", "b", "d"}
    assert held(lake)["b"]["title"] == "corrected", "what came by an import after the change"
