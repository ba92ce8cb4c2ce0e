"""The Kafka producer: idempotent, acknowledged by all replicas, and never waited for when the broker is down.

librdkafka's, whose threads batch and send without the interpreter: those of kafka-python hold it for a millisecond an
answer, a batch of answers at a time, and the requests of that moment waited for it.
"""

import logging
import threading
import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contracts.errors import InvalidInputError, UnavailableError
from contracts.topics import Topic

log = logging.getLogger(__name__)

Record = tuple[bytes, bytes | None]
"""Key and payload; a payload of None deletes the key of a compacted topic."""

UNKNOWN = (1 << 63) - 1
"""An offset that is not known; none is larger."""

CONNECT_SECONDS = 2.0
LINGER_MS = 1
LARGEST_BYTES = 1_000_000
"""Of a record with its key; brokers take a little more by default."""
POLL_SECONDS = 0.1
QUIET = 2
"""Syslog level up to which librdkafka speaks: an outage is told by us, not by every attempt to connect."""


class _Acknowledgements:
    """Waits until the broker has answered for ``count`` records, or for the first that it refuses."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._fault: str | None = None
        self.last = -1
        self._decided = threading.Event()

    def one(self, error: KafkaError | None, message: Message) -> None:
        """Takes the answer for one record."""
        self._left -= 1
        if error is not None:
            self._fault = error.name()
        elif not self._left:
            offset = message.offset()
            self.last = UNKNOWN if offset is None else offset
        if error is not None or not self._left:
            self._decided.set()

    def fault(self, seconds: float) -> str | None:
        """None once all are acknowledged, else what went wrong."""
        return self._fault if self._decided.wait(seconds) else "not acknowledged in time"


class KafkaLog:
    """One producer for a process, connected in the background and again whenever it is lost. Thread-safe."""

    def __init__(self, bootstrap: str, prefix: str, *, ack_seconds: float = 2.0, retry_seconds: float = 1.0) -> None:
        """``ack_seconds`` is how long a record may wait for its acknowledgement before it counts as refused; after
        one that waited so long, records are refused at once until a probe every ``retry_seconds`` gets through."""
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._ack_seconds = ack_seconds
        self._retry_seconds = retry_seconds
        self._producer: Producer | None = None
        self._down = threading.Event()
        self._down.set()
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep_connected, name="kafka-connect", daemon=True)
        self._listener = threading.Thread(target=self._listen, name="kafka-answers", daemon=True)

    def start(self) -> None:
        """Begins to connect; returns at once."""
        self._keeper.start()
        self._listener.start()

    @property
    def up(self) -> bool:
        """Whether records are taken."""
        return not self._down.is_set()

    def wait_until_up(self, seconds: float) -> bool:
        """Waits for the connection; False when there was none in time."""
        end = time.monotonic() + seconds
        while self._down.is_set() and time.monotonic() < end:
            time.sleep(0.01)
        return self.up

    def append(self, topic: Topic, records: Sequence[Record]) -> int:
        """Returns once all ``records`` are acknowledged, with the offset of the last of them (−1 where there are
        none, UNKNOWN where the broker had it already and did not say).
        Raises UnavailableError otherwise: some may be written then, so that a caller who tries again must use the same
        keys and ids. Raises InvalidInputError for a record that is too large: that is no outage, others go on."""
        producer = self._producer
        if producer is None or self._down.is_set():
            raise UnavailableError("kafka", "the broker does not answer")
        if not records:
            return -1
        answers, address = _Acknowledgements(len(records)), topic.address(self._prefix)
        try:
            for key, value in records:
                producer.produce(address, value, key, on_delivery=answers.one)
        except (KafkaException, BufferError) as error:
            if isinstance(error, KafkaException) and error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
                raise InvalidInputError("body", f"may have {LARGEST_BYTES} bytes with what is added to it") from error
            self._lost(producer)
            raise UnavailableError("kafka", str(error)) from error
        fault = answers.fault(self._ack_seconds)
        if fault is not None:
            self._lost(producer)
            raise UnavailableError("kafka", fault)
        return answers.last

    def _lost(self, producer: Producer) -> None:
        """Has a producer that failed replaced, unless it was already."""
        if self._producer is producer:
            self._down.set()

    def _listen(self) -> None:
        """Calls back for what the broker answered."""
        while not self._stopping.is_set():
            producer = self._producer
            if producer is None:
                self._stopping.wait(POLL_SECONDS)
            else:
                producer.poll(POLL_SECONDS)

    def _keep_connected(self) -> None:
        while not self._stopping.is_set():
            if self._down.is_set():
                self._try_to_connect()
            self._stopping.wait(self._retry_seconds)

    def _try_to_connect(self) -> None:
        """A producer that lost its broker keeps retrying records nobody waits for: it is thrown away."""
        lost, self._producer = self._producer, None
        if lost is not None:
            _discard(lost, 0.0)
        try:
            producer = Producer(self._settings())
            producer.list_topics(timeout=CONNECT_SECONDS)
        except KafkaException as error:
            log.info("kafka does not answer at %s: %s", self._bootstrap, error.args[0].name())
        else:
            self._producer = producer
            self._down.clear()

    def _settings(self) -> dict[str, str | int | float | bool]:
        acknowledged_ms = int(self._ack_seconds * 1000)
        return {
            "bootstrap.servers": self._bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            # The partitions that Java's client and kafka-python give a key.
            "partitioner": "murmur2_random",
            "linger.ms": LINGER_MS,
            "message.max.bytes": LARGEST_BYTES,
            "request.timeout.ms": acknowledged_ms,
            "message.timeout.ms": acknowledged_ms + 100,
            "reconnect.backoff.max.ms": int(self._retry_seconds * 1000),
            "log_level": QUIET,
        }

    def stop(self, seconds: float = 5.0) -> None:
        """Sends what is waiting and disconnects."""
        self._stopping.set()
        self._keeper.join(seconds)
        self._listener.join(seconds)
        producer, self._producer = self._producer, None
        self._down.set()
        if producer is not None:
            _discard(producer, seconds)


def _discard(producer: Producer, seconds: float) -> None:
    """Ends it after ``seconds`` at the latest; what did not get through by then was refused to its senders already."""
    producer.flush(seconds)
    producer.purge()
    producer.flush(POLL_SECONDS)
