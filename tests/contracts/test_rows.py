"""Row types: one declaration gives the Parquet schema and the Kafka payload."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.catalogue import Item, User
from contracts.events import DeadLetter, Event, Interaction, QuarantinedRow
from contracts.impressions import Impression
from contracts.rows import Row

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ids = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20)


@pytest.mark.parametrize("row", [Event, Interaction, Impression, Item, User, QuarantinedRow, DeadLetter])
def test_every_field_has_a_parquet_column(row: type[Row]) -> None:
    assert row.arrow_schema().names == list(row.model_fields)


def test_required_fields_may_not_be_null_in_parquet() -> None:
    schema = Interaction.arrow_schema()
    assert not schema.field("user_id").nullable
    assert schema.field("value").nullable
    assert schema.field("timestamp").type == pa.timestamp("us", tz="UTC")


@given(ids, ids, st.floats(allow_nan=False, allow_infinity=False))
def test_a_payload_reads_back_as_the_same_row(user: str, item: str, value: float) -> None:
    event = Event(event_id="e", user_id=user, item_id=item, timestamp=WHEN, received_at=WHEN, value=value)
    assert Event.from_payload(event.to_payload()) == event


def test_a_payload_of_a_later_schema_is_read_without_its_new_field() -> None:
    event = Event(event_id="e", user_id="u", item_id="i", timestamp=WHEN, received_at=WHEN)
    later = event.to_payload()[:-1] + b',"weather":"rain"}'
    assert Event.from_payload(later) == event


@pytest.mark.parametrize("payload", [b"", b"[]", b"3", b"\xff\xfe", b'{"user_id":"u"}'])
def test_anything_else_is_no_row(payload: bytes) -> None:
    with pytest.raises((ValidationError, ValueError)):
        Event.from_payload(payload)


@pytest.mark.parametrize("user", ["", "a\x00b", "a\nb", "x" * 257])
def test_an_id_must_be_short_printable_text(user: str) -> None:
    with pytest.raises(ValidationError, match="user_id"):
        Event(event_id="e", user_id=user, item_id="i", timestamp=WHEN, received_at=WHEN)


def test_a_time_without_zone_is_utc() -> None:
    event = Event(event_id="e", user_id="u", item_id="i", timestamp=datetime(2026, 1, 1), received_at=WHEN)  # noqa: DTZ001
    assert event.timestamp.tzinfo is UTC
