"""From what a client sends to the event that Kafka keeps."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.clock import utc
from contracts.errors import UnavailableError
from contracts.events import Event
from contracts.requests import EventIn, FieldError
from contracts.topics import EVENTS
from serving.gateway import metrics
from serving.gateway.problems import ProblemError
from serving.kafka_log import KafkaLog

MAXIMUM_EVENTS = 500
OLDEST = 0.0
"""Epoch seconds before which no event can have happened."""


@dataclass(frozen=True)
class EventWriter:
    """Completes and checks events and writes them, all or (as far as the client is told) none."""

    kafka: KafkaLog
    future_seconds: int

    def complete(self, sent: Sequence[EventIn], client_id: str, now: float, *, many: bool) -> list[Event]:
        """Fills ids and times. Raises ProblemError 422 naming index and field of every wrong element."""
        wrong = []
        for index, one in enumerate(sent):
            if one.timestamp is None:
                continue
            happened = one.timestamp.timestamp()
            if happened > now + self.future_seconds or happened < OLDEST:
                field = f"[{index}].timestamp" if many else "timestamp"
                allowed = f"must lie between 1970 and {self.future_seconds} seconds from now"
                wrong.append(FieldError(field=field, message=allowed))
        if wrong:
            raise ProblemError(422, f"{wrong[0].field}: {wrong[0].message}", errors=wrong)
        received = utc(now)
        return [
            Event(
                event_id=one.event_id or uuid.uuid4().hex,
                user_id=one.user_id,
                item_id=one.item_id,
                action=one.action,
                timestamp=one.timestamp or received,
                received_at=received,
                value=one.value,
                request_id=one.request_id,
                client_id=client_id,
            )
            for one in sent
        ]

    def write(self, events: Sequence[Event]) -> None:
        """Returns once Kafka has acknowledged all. Raises UnavailableError."""
        try:
            self.kafka.append(EVENTS, [(event.user_id.encode(), event.to_payload()) for event in events])
        except UnavailableError:
            metrics.EVENTS.labels("refused").inc(len(events))
            raise
        metrics.EVENTS.labels("acknowledged").inc(len(events))
