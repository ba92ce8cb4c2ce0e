"""Items put and deleted through the API since the release was made. Every worker reads the whole compacted topic."""

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from pydantic import ValidationError

from contracts.catalogue import CatalogueChange, Item
from contracts.topics import CATALOGUE

log = logging.getLogger(__name__)

CONNECT_SECONDS = RETRY_SECONDS = 2.0
POLL_MILLISECONDS = 200


@dataclass(frozen=True, slots=True)
class Placed:
    """A change and its offset in the topic's one partition: the order of changes, whatever the writers' clocks say."""

    offset: int
    change: CatalogueChange


class Catalogue:
    """The last change of every item. ``changed`` is called, without arguments, after new changes were taken in."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._last: dict[str, Placed] = {}
        self._lock = threading.Lock()

    def apply(self, placed: Sequence[Placed]) -> None:
        """Takes changes in; an older change of an item never replaces a later one."""
        taken = False
        with self._lock:
            for one in placed:
                known = self._last.get(one.change.item_id)
                if known is None or known.offset < one.offset:
                    self._last[one.change.item_id] = one
                    taken = True
        if taken:
            self._changed()

    def clear(self) -> None:
        """Forgets everything: the topic was made anew, its offsets mean nothing to those known."""
        with self._lock:
            self._last.clear()
        self._changed()

    def put_items(self) -> list[Item]:
        """Items whose last change put them, in the order of their change."""
        with self._lock:
            placed = sorted(self._last.values(), key=lambda one: one.offset)
        return [one.change.item for one in placed if one.change.item is not None]

    def deleted_ids(self) -> list[str]:
        """Ids whose last change deleted them."""
        with self._lock:
            return [item_id for item_id, one in self._last.items() if one.change.deleted]

    def last(self, item_id: str) -> CatalogueChange | None:
        """The last change of one item."""
        with self._lock:
            known = self._last.get(item_id)
        return known.change if known is not None else None


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
    """Follows the catalogue topic from its beginning, in a thread; connects again whenever Kafka comes back."""

    def __init__(self, bootstrap: str, prefix: str, catalogue: Catalogue, reached: Callable[[int], None]) -> None:
        """``reached`` hears the offset of the last message taken in."""
        self._bootstrap = bootstrap.split(",")
        self._partition = TopicPartition(CATALOGUE.address(prefix), 0)
        self._catalogue = catalogue
        self._reached = reached
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catalogue", daemon=True)

    def start(self) -> None:
        """Begins to read; returns at once."""
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not _accepts(self._bootstrap):
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
                self._stopping.wait(RETRY_SECONDS)

    def _follow(self, consumer: Any) -> None:
        consumer.assign([self._partition])
        consumer.seek_to_beginning(self._partition)
        position = 0
        while not self._stopping.is_set():
            batches = consumer.poll(timeout_ms=POLL_MILLISECONDS)
            records = batches.get(self._partition, [])
            if not records:
                continue
            if records[0].offset < position:
                log.warning("the catalogue topic begins anew, after offset %d", position - 1)
                self._catalogue.clear()
            self._catalogue.apply([placed for record in records if (placed := _placed(record)) is not None])
            position = records[-1].offset + 1
            self._reached(records[-1].offset)

    def stop(self, seconds: float = 3.0) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._thread.join(seconds)
