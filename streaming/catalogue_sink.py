"""Items put and deleted through the API go into the lake's table ``items``: the next release is trained with them."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition
from pydantic import ValidationError

from contracts.catalogue import CatalogueChange, Item
from contracts.errors import UnavailableError
from contracts.topics import CATALOGUE
from lake.store import Lake
from streaming.topics import reach

log = structlog.get_logger(__name__)

ITEMS, KEY = "items", "item_id"
PLACE = "catalogue.json"
"""In the sink's folder: the end of the topic that the lake has."""
POLL_MILLISECONDS = 1000
SILENT_SECONDS = 30.0
AT_ONCE = 1000


def sink_catalogue(lake: Lake, bootstrap: str, prefix: str, folder: Path) -> int:
    """Brings the last change of every item that was changed since the last run into the lake; returns how many rows it
    changed. An import that came between stays as it is. May be repeated. Raises UnavailableError."""
    place = TopicPartition(CATALOGUE.address(prefix), 0)
    reach(bootstrap)
    try:
        consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
        try:
            end = int(consumer.end_offsets([place])[place])
            start = _known(folder)
            if start == end:
                return 0
            consumer.assign([place])
            changes = _last_changes(consumer, place, start if start < end else 0, end)
        finally:
            consumer.close()
    except KafkaError as error:
        raise UnavailableError("Kafka", f"the catalogue topic could not be read ({error})") from error
    changed = _put(lake, changes) + _delete(lake, [one.item_id for one in changes.values() if one.deleted])
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{PLACE}.partial"
    partial.write_text(json.dumps({"end": end}))
    partial.rename(folder / PLACE)
    return changed


def _known(folder: Path) -> int:
    path = folder / PLACE
    return int(json.loads(path.read_text())["end"]) if path.exists() else 0


def _last_changes(
    consumer: KafkaConsumer, place: TopicPartition, start: int, end: int
) -> Mapping[str, CatalogueChange]:
    """By item id. A message that breaks its contract is passed over, as by the gateway. Raises UnavailableError when
    Kafka sends nothing for SILENT_SECONDS."""
    first = int(consumer.beginning_offsets([place])[place])
    consumer.seek(place, max(start, first))
    found: dict[str, CatalogueChange] = {}
    reached, heard_at = max(start, first), time.monotonic()
    while reached < end:
        records = consumer.poll(timeout_ms=POLL_MILLISECONDS).get(place, [])
        for record in records:
            if record.value is None:
                continue
            try:
                change = CatalogueChange.from_payload(record.value)
            except ValidationError:
                log.warning("catalogue message breaks its contract", offset=record.offset)
                continue
            found[change.item_id] = change
        # What ends a compacted topic may be no message that is handed out.
        position = consumer.position(place, timeout_ms=POLL_MILLISECONDS)
        if position is not None and position > reached:
            reached, heard_at = position, time.monotonic()
        elif time.monotonic() > heard_at + SILENT_SECONDS:
            raise UnavailableError("Kafka", f"it sent nothing of the catalogue topic for {SILENT_SECONDS:.0f} s")
    return found


def _put(lake: Lake, changes: Mapping[str, CatalogueChange]) -> int:
    """An item that says no time of its own keeps the lake's, or came to be when it was put."""
    put = {item_id: change.item for item_id, change in changes.items() if change.item is not None}
    if not put:
        return 0
    held = lake.read(ITEMS, [KEY, "created_at"])
    held = held.filter(pc.is_in(held[KEY], value_set=pa.array(list(put), pa.string())))
    created = dict(zip(held[KEY].to_pylist(), held["created_at"].to_pylist(), strict=True))
    rows = []
    for item_id, item in put.items():
        at = item.created_at or (created[item_id] if item_id in created else changes[item_id].changed_at)
        rows.append(item.model_dump() | {"created_at": at, "attributes": list(item.attributes.items())})
    return lake.upsert(ITEMS, pa.Table.from_pylist(rows, Item.arrow_schema()), (KEY,))


def _delete(lake: Lake, item_ids: list[str]) -> int:
    deleted = 0
    for start in range(0, len(item_ids), AT_ONCE):
        listed = ", ".join("'" + item_id.replace("'", "''") + "'" for item_id in item_ids[start : start + AT_ONCE])
        deleted += lake.delete(ITEMS, f"{KEY} IN ({listed})")
    return deleted
