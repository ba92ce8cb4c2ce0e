"""Messages that cannot be processed: kept with the reason, listed, and sent again once the cause is gone."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from contracts.clock import Clock, utc
from contracts.errors import InvalidInputError, UnavailableError
from contracts.events import DeadLetter
from contracts.topics import DEAD_LETTERS
from streaming.records import Record, decode
from streaming.topics import reach

ACKNOWLEDGE_SECONDS = 30
FETCH_SECONDS = 10
SEND_BYTES = 64 << 20
"""Above what any broker takes: whether a message of before is too large is for the broker to say."""

log = structlog.get_logger(__name__)


class Message(Protocol):
    """A message of a topic, as kafka-python gives it or made of the same."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class DeadLetterWriter:
    """Writes dead letters and waits until Kafka has them: only then may the offset behind the message move."""

    def __init__(self, bootstrap: str, prefix: str, clock: Clock) -> None:
        self._topic = DEAD_LETTERS.address(prefix)
        self._clock = clock
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)

    def write(self, reason: str, topic: str, partition: int, offset: int, payload: bytes | None) -> None:
        """Raises UnavailableError when Kafka does not acknowledge it."""
        letter = DeadLetter.of(payload or b"", reason, topic, partition, offset, utc(self._clock()))
        try:
            self._producer.send(self._topic, letter.to_payload()).get(timeout=ACKNOWLEDGE_SECONDS)
        except KafkaError as error:
            raise UnavailableError("Kafka", f"a dead letter was not acknowledged ({error})") from error
        log.warning("message set aside", topic=topic, partition=partition, offset=offset, reason=reason)

    def sift(self, messages: Sequence[Message]) -> list[Record]:
        """The records of those messages that can be read; the others are set aside.

        Raises UnavailableError as ``write``.
        """
        records = []
        for message in messages:
            try:
                records.append(decode(message.value, message.partition, message.offset))
            except InvalidInputError as error:
                self.write(str(error), message.topic, message.partition, message.offset, message.value)
        return records

    def close(self) -> None:
        """Flushes and closes."""
        self._producer.close()


@dataclass(frozen=True)
class PendingLetter:
    """A dead letter that was not sent again yet, and its own offset."""

    offset: int
    letter: DeadLetter


@dataclass(frozen=True)
class Retried:
    """How many messages were sent again, and the letters of those that are lost: larger than a letter holds, and gone
    from where they were."""

    sent: int
    lost: list[DeadLetter]


class DeadLetterBox:
    """Reads the dead letters; those before the group's committed offset were sent again already.

    Raises UnavailableError when nobody listens at ``bootstrap``.
    """

    def __init__(self, bootstrap: str, prefix: str) -> None:
        reach(bootstrap)
        self._bootstrap = bootstrap
        self._partition = TopicPartition(DEAD_LETTERS.address(prefix), 0)
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap, group_id=f"{prefix}dead-letter-retry", enable_auto_commit=False
        )
        self._consumer.assign([self._partition])

    def pending(self) -> Iterator[PendingLetter]:
        """Each failed message once, oldest first, however often it was delivered."""
        beginning = self._consumer.beginning_offsets([self._partition])[self._partition]
        end = self._consumer.end_offsets([self._partition])[self._partition]
        start = max(beginning, self._consumer.committed(self._partition) or 0)
        self._consumer.seek(self._partition, start)
        met: set[tuple[str, int, int]] = set()
        while self._consumer.position(self._partition) < end:
            for record in self._consumer.poll(timeout_ms=500).get(self._partition, []):
                letter = DeadLetter.from_payload(record.value)
                place = (letter.topic, letter.partition, letter.offset)
                if place not in met:
                    met.add(place)
                    yield PendingLetter(record.offset, letter)

    def retry(self) -> Retried:
        """Sends every pending message, as it was, to the topic and partition it came from. One that a letter could
        not hold is read from there again.

        Raises UnavailableError when Kafka does not acknowledge all of them: then none is forgotten.
        """
        letters = [pending.letter for pending in self.pending()]
        end = self._consumer.position(self._partition)
        producer = KafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True, max_request_size=SEND_BYTES
        )
        try:
            messages = [(letter, self._original(letter) if letter.truncated else letter.kept) for letter in letters]
            sent = [
                producer.send(letter.topic, message, partition=letter.partition)
                for letter, message in messages
                if message is not None
            ]
            for future in sent:
                future.get(timeout=ACKNOWLEDGE_SECONDS)
        except KafkaError as error:
            raise UnavailableError("Kafka", f"a message was not acknowledged ({error}); retry again") from error
        finally:
            producer.close()
        self._consumer.commit({self._partition: OffsetAndMetadata(end, "", -1)})
        return Retried(len(sent), [letter for letter, message in messages if message is None])

    def _original(self, letter: DeadLetter) -> bytes | None:
        """The whole message from its own place, None where Kafka no longer holds it there."""
        place = TopicPartition(letter.topic, letter.partition)
        reader = KafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False, auto_offset_reset="none", max_poll_records=1
        )
        try:
            reader.assign([place])
            if not reader.beginning_offsets([place])[place] <= letter.offset < reader.end_offsets([place])[place]:
                return None
            reader.seek(place, letter.offset)
            until = time.monotonic() + FETCH_SECONDS
            while time.monotonic() < until:
                for found in reader.poll(timeout_ms=500).get(place, []):
                    value = bytes(found.value or b"")
                    # A log made anew has another message in this place.
                    return value if found.offset == letter.offset and value.startswith(letter.kept) else None
            raise UnavailableError(
                "Kafka", f"{letter.topic}:{letter.partition}:{letter.offset} was not read; retry again"
            )
        finally:
            reader.close()

    def close(self) -> None:
        """Closes the connection."""
        self._consumer.close(autocommit=False)
