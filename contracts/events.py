"""What users did: the event on the wire and the interaction in the lake."""

import base64
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field

from contracts.rows import Id, Instant, Row


class Action(StrEnum):
    """What a user may do with an item."""

    VIEW = "view"
    CLICK = "click"
    PURCHASE = "purchase"


ACTION_CODES = {Action.VIEW: 1, Action.CLICK: 2, Action.PURCHASE: 3}
"""Dense codes for models; 0 is padding. Never renumber: released models depend on them."""

TEXT: Final = "utf-8"
BASE64: Final = "base64"

Number = Annotated[float, Field(allow_inf_nan=False)]


class Event(Row):
    """One action as Kafka carries it. ``timestamp`` is when it happened, ``received_at`` when we took it."""

    event_id: Id
    user_id: Id
    item_id: Id
    action: Action = Action.CLICK
    timestamp: Instant
    received_at: Instant
    value: Number | None = None
    request_id: Id | None = None
    client_id: Id | None = None


class Interaction(Row):
    """One action as the lake keeps it (table ``interactions``, a partition a day of ``timestamp``).

    ``source`` is ``import``, ``stream`` or ``simulator``; ``origin`` is the place it came from
    (``file:line`` or ``topic:partition:offset``).
    """

    event_id: Id
    user_id: Id
    item_id: Id
    action: Action = Action.CLICK
    timestamp: Instant
    value: Number | None = None
    request_id: Id | None = None
    received_at: Instant | None = None
    source: str
    origin: str


class DroppedInteraction(Interaction):
    """An interaction that the daily clean step left out (table ``dropped``): the rule that dropped it and the run."""

    reason: str
    run: str


class QuarantinedRow(Row):
    """A row that broke its contract (table ``quarantine``): why, where it stood and what it said."""

    table: str
    reason: str
    field: str
    origin: str
    payload: str
    quarantined_at: Instant
    import_id: str


KEPT_PAYLOAD_BYTES = 128 * 1024
"""What a dead letter keeps of a message. Escaped as JSON it may take six times as much, and a producer sends 1 MiB."""


class DeadLetter(Row):
    """A message that the stream could not process, kept with the reason so that it can be retried.

    ``payload`` is text, or base64 where ``encoding`` says so. A ``truncated`` one holds only the message's beginning.
    """

    reason: str
    topic: str
    partition: int
    offset: int
    payload: str
    failed_at: Instant
    encoding: str = TEXT
    truncated: bool = False

    @classmethod
    def of(cls, message: bytes, reason: str, topic: str, partition: int, offset: int, failed_at: datetime) -> Self:
        """The letter that keeps ``message``, as far as one message of Kafka can hold it."""
        kept = message[:KEPT_PAYLOAD_BYTES]
        try:
            payload, encoding = kept.decode(), TEXT
        except UnicodeDecodeError:
            payload, encoding = base64.b64encode(kept).decode(), BASE64
        return cls(
            reason=reason,
            topic=topic,
            partition=partition,
            offset=offset,
            payload=payload,
            failed_at=failed_at,
            encoding=encoding,
            truncated=len(kept) < len(message),
        )

    @property
    def kept(self) -> bytes:
        """The bytes of the message, or its first ones where it is truncated."""
        return base64.b64decode(self.payload) if self.encoding == BASE64 else self.payload.encode()
