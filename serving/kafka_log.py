"""The Kafka producer: idempotent, acknowledged by all replicas, and never waited for when the broker is down."""

import logging
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError

from contracts.errors import UnavailableError
from contracts.topics import Topic

log = logging.getLogger(__name__)

Record = tuple[bytes, bytes | None]
"""Key and payload; a payload of None deletes the key of a compacted topic."""

CONNECT_SECONDS = 2.0
METADATA_SECONDS = 0.5


def accepts(bootstrap: Sequence[str], seconds: float = CONNECT_SECONDS) -> bool:
    """Whether one of the brokers (host:port) takes connections. Asked before a client is made: kafka-python never
    closes the sockets of a client that could not connect, which an outage of hours would turn into thousands."""
    for address in bootstrap:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=seconds).close()
        except OSError:
            continue
        return True
    return False


class KafkaLog:
    """One producer for a process, connected in the background and again whenever it is lost. Thread-safe."""

    def __init__(self, bootstrap: str, prefix: str, *, ack_seconds: float = 2.0, retry_seconds: float = 1.0) -> None:
        """``ack_seconds`` is how long a record may wait for its acknowledgement before it counts as refused; after
        one that waited so long, records are refused at once until a probe every ``retry_seconds`` gets through."""
        self._bootstrap = bootstrap.split(",")
        self._prefix = prefix
        self._ack_seconds = ack_seconds
        self._retry_seconds = retry_seconds
        self._producer: Any = None
        self._down = threading.Event()
        self._down.set()
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep_connected, name="kafka-connect", daemon=True)

    def start(self) -> None:
        """Begins to connect; returns at once."""
        self._keeper.start()

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

    def append(self, topic: Topic, records: Sequence[Record]) -> None:
        """Returns once all ``records`` are acknowledged. Raises UnavailableError otherwise: some may be written then,
        so that a caller who tries again must use the same keys and ids."""
        producer = self._producer
        if producer is None or self._down.is_set():
            raise UnavailableError("kafka", "the broker does not answer")
        end = time.monotonic() + self._ack_seconds
        address = topic.address(self._prefix)
        try:
            futures = [producer.send(address, key=key, value=value) for key, value in records]
            for future in futures:
                future.get(timeout=max(end - time.monotonic(), 0.001))
        except KafkaError as error:
            self._down.set()
            raise UnavailableError("kafka", type(error).__name__) from error

    def _keep_connected(self) -> None:
        while not self._stopping.is_set():
            if self._down.is_set():
                self._try_to_connect()
            self._stopping.wait(self._retry_seconds)

    def _try_to_connect(self) -> None:
        """A producer that lost its broker keeps retrying records nobody waits for: it is thrown away."""
        lost, self._producer = self._producer, None
        if lost is not None:
            _close(lost, self._ack_seconds + 1)  # by then what it still holds has expired
        if not accepts(self._bootstrap):
            log.info("kafka does not answer at %s", ",".join(self._bootstrap))
            return
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=self._bootstrap,
                acks="all",
                enable_idempotence=True,
                compression_type=None,
                max_block_ms=int(METADATA_SECONDS * 1000),
                request_timeout_ms=int(self._ack_seconds * 1000),
                delivery_timeout_ms=int(self._ack_seconds * 1000) + 100,
                bootstrap_timeout_ms=int(CONNECT_SECONDS * 1000),
            )
        except (KafkaError, OSError) as error:
            log.info("kafka does not answer: %s", type(error).__name__)
        else:
            self._down.clear()

    def stop(self, seconds: float = 5.0) -> None:
        """Sends what is waiting and disconnects."""
        self._stopping.set()
        self._keeper.join(seconds)
        producer, self._producer = self._producer, None
        self._down.set()
        if producer is not None:
            _close(producer, seconds)


def _close(producer: Any, seconds: float) -> None:
    """Closes it whatever is left: records that did not get through in time were refused to their senders already."""
    try:
        producer.close(timeout=seconds)
    except KafkaTimeoutError:
        # It gave up before it ended its threads, which would look for the broker for ever; there is no public way.
        producer._sender.force_close()
        producer.close(timeout=seconds)
