"""One message of the events topic, decoded."""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import ValidationError

from contracts.errors import InvalidInputError
from contracts.events import Event
from feature_repo.activity import Happening


class Record(NamedTuple):
    """An event with its user, its place in the stream and when we took it (epoch seconds)."""

    user_id: str
    happening: Happening
    received_at: float


def decode(payload: bytes | None, partition: int, offset: int) -> Record:
    """Reads a payload of this schema, the one before or the one after.

    Raises InvalidInputError with the field and the reason for anything else.
    """
    if payload is None:
        raise InvalidInputError("payload", "is empty")
    try:
        event = Event.from_payload(payload)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "payload"
        raise InvalidInputError(field, first["msg"]) from error
    return Record(event.user_id, Happening.of(event, partition, offset), event.received_at.timestamp())


def erased(record: Record, until: Mapping[str, float]) -> bool:
    """Whether the event came before its user was erased (``feature_repo.erased.erased_until``)."""
    return record.user_id in until and record.received_at <= until[record.user_id]
