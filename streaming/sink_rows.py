"""Messages of a topic as rows of its lake table, with the contract that the consumer holds them to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from contracts.events import Event, Interaction
from contracts.impressions import Confirmation, Impression
from contracts.rows import Row
from contracts.topics import CONFIRMATIONS, EVENTS, IMPRESSIONS, Topic
from lake.tables import STREAM, TABLES


@dataclass(frozen=True)
class Feed:
    """A topic that flows into a table. ``key`` makes a row one: a repetition is inserted once."""

    topic: Topic
    table: str
    row: Callable[[bytes, str], Row]

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return TABLES[self.table].key


def interaction(payload: bytes, origin: str) -> Row:
    """An event as the lake keeps it. Raises pydantic.ValidationError for a payload that breaks the contract."""
    event = Event.from_payload(payload)
    return Interaction(
        event_id=event.event_id,
        user_id=event.user_id,
        item_id=event.item_id,
        action=event.action,
        timestamp=event.timestamp,
        value=event.value,
        request_id=event.request_id,
        received_at=event.received_at,
        source=STREAM,
        origin=origin,
    )


def impression(payload: bytes, origin: str) -> Row:
    """An impression as the lake keeps it. Raises pydantic.ValidationError for a payload that breaks the contract."""
    del origin
    return Impression.from_payload(payload)


def confirmation(payload: bytes, origin: str) -> Row:
    """A confirmed impression as the lake keeps it. Raises ValueError for a payload that breaks the contract."""
    del origin
    return Confirmation.from_payload(payload)


FEEDS = (
    Feed(EVENTS, "interactions", interaction),
    Feed(IMPRESSIONS, "impressions", impression),
    Feed(CONFIRMATIONS, "confirmations", confirmation),
)


def to_rows(feed: Feed, messages: Iterable[tuple[bytes | None, int, int]]) -> tuple[pa.Table, int]:
    """Rows of (payload, partition, offset) messages, and how many break the contract.

    The consumer has set those of the events topic aside as dead letters already.
    """
    rows: list[dict[str, Any]] = []
    refused = 0
    for payload, partition, offset in messages:
        try:
            row = feed.row(payload or b"", f"{feed.topic.name}:{partition}:{offset}")
        except ValidationError:
            refused += 1
            continue
        rows.append(row.model_dump())
    return pa.Table.from_pylist(rows, schema=TABLES[feed.table].schema), refused
