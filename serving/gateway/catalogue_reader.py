"""Follows the catalogue topic: from what the snapshot holds to the end, then on."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from pydantic import ValidationError

from contracts.catalogue import CatalogueChange
from contracts.topics import CATALOGUE
from serving.gateway.catalogue import Catalogue, Placed
from serving.gateway.catalogue_snapshot import CatalogueSnapshot

log = logging.getLogger(__name__)

CONNECT_SECONDS = RETRY_SECONDS = 2.0
POLL_MILLISECONDS = 200
SAVE_SECONDS = 10.0
"""The snapshot is written no more often."""


def _accepts(bootstrap: Sequence[str]) -> bool:
    """Whether one of the brokers (host:port) takes connections. Asked before a client is made: kafka-python never
    closes the sockets of a client that could not connect, which an outage of hours would turn into thousands."""
    for address in bootstrap:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        except OSError:
            continue
        return True
    return False


def _placed(record: Any) -> Placed | None:
    """The change that a message carries, None for one that carries none."""
    if record.value is None:
        return None
    try:
        return Placed(record.offset, CatalogueChange.from_payload(record.value))
    except (ValidationError, ValueError):
        log.warning("catalogue message at offset %d breaks its contract", record.offset)
        return None


class CatalogueReader:
    """A thread that reads the whole topic once, then what is added; connects again whenever Kafka comes back."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        catalogue: Catalogue,
        snapshot: CatalogueSnapshot,
        reached: Callable[[int], None],
    ) -> None:
        """``reached`` hears the offset of the last message taken in."""
        self._bootstrap = bootstrap.split(",")
        self._partition = TopicPartition(CATALOGUE.address(prefix), 0)
        self._catalogue = catalogue
        self._snapshot = snapshot
        self._reached = reached
        self._next = 0
        self._unsaved = False
        self._saved_at = -SAVE_SECONDS
        self.known = False
        """Whether the changes were read at all, from the topic or from the snapshot."""
        self.settled = threading.Event()
        """Set once the topic was read to where it ended at the start, or Kafka proved to be out of reach: what is known
        then is all there is to start with."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catalogue", daemon=True)

    def start(self) -> None:
        """Begins to read; returns at once."""
        self._thread.start()

    def _run(self) -> None:
        self._restore()
        while not self._stopping.is_set():
            if not _accepts(self._bootstrap):
                self.settled.set()
                self._stopping.wait(RETRY_SECONDS)
                continue
            try:
                consumer = KafkaConsumer(
                    bootstrap_servers=self._bootstrap,
                    group_id=None,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    bootstrap_timeout_ms=int(CONNECT_SECONDS * 1000),
                )
                try:
                    self._follow(consumer)
                finally:
                    consumer.close()
            except (KafkaError, OSError) as error:
                log.info("the catalogue topic cannot be read: %s", type(error).__name__)
                self.settled.set()
                self._stopping.wait(RETRY_SECONDS)
        self._save()

    def _restore(self) -> None:
        held = self._snapshot.read()
        if held is not None:
            self._next, placed = held
            self._catalogue.apply(placed)
            self.known = True

    def _follow(self, consumer: Any) -> None:
        end = consumer.end_offsets([self._partition], timeout_ms=int(CONNECT_SECONDS * 1000))[self._partition]
        if end < self._next:
            self._begin_anew()
        consumer.assign([self._partition])
        consumer.seek(self._partition, self._next)
        heard_at = time.monotonic()
        while not self._stopping.is_set():
            if self._next >= end:
                self.known = True
                self.settled.set()
            elif time.monotonic() > heard_at + CONNECT_SECONDS:
                self.settled.set()  # it does not come; a start must not wait for ever
            records = consumer.poll(timeout_ms=POLL_MILLISECONDS if self.settled.is_set() else 10).get(self._partition)
            if records:
                heard_at = time.monotonic()
                self._take(records)
            if self._next < end:  # what ends the topic may be no message that is handed out
                self._next = max(self._next, consumer.position(self._partition, timeout_ms=POLL_MILLISECONDS) or 0)
            if time.monotonic() >= self._saved_at + SAVE_SECONDS:
                self._save()

    def _take(self, records: Sequence[Any]) -> None:
        if records[0].offset < self._next:
            self._begin_anew()
        self._catalogue.apply([placed for record in records if (placed := _placed(record)) is not None])
        self._next = records[-1].offset + 1
        self._unsaved = True
        self._reached(records[-1].offset)

    def _begin_anew(self) -> None:
        log.warning("the catalogue topic begins anew, before offset %d", self._next)
        self._catalogue.clear()
        self._snapshot.remove()
        self._next = 0

    def _save(self) -> None:
        if not self._unsaved:
            return
        self._saved_at = time.monotonic()
        try:
            self._snapshot.write(self._next, self._catalogue.placed())
        except OSError as error:
            log.warning("the snapshot of the catalogue cannot be written: %s", error)
        else:
            self._unsaved = False

    def stop(self, seconds: float = 3.0) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._thread.join(seconds)
