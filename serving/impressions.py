"""Impressions on their way to Kafka, off the response path: a bounded buffer, then files, never the request's time."""

import fcntl
import logging
import os
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from contracts.errors import UnavailableError
from contracts.impressions import Impression
from contracts.topics import IMPRESSIONS
from serving.kafka_log import KafkaLog, Record

log = logging.getLogger(__name__)

BATCH = 2_000
"""Rows that are sent, or spilled into one file, at once."""

SENT, SPILLED, DROPPED, UNREADABLE = "sent", "spilled", "dropped", "unreadable"
SPILL, SET_ASIDE = ".spilled", ".unreadable"
Rows = Callable[[], Sequence[Impression]]
"""Makes the rows of one answer, in the sender's thread."""


@contextmanager
def taken(path: Path) -> Iterator[BinaryIO | None]:
    """A spilled file to read, None while another process has it. A lock says who has it, which ends with its process:
    numbers of processes come again, in a container always the same."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        # Whoever had it before may have sent and deleted it since it was opened.
        yield file if os.fstat(file.fileno()).st_nlink else None


def _parsed(lines: Sequence[bytes]) -> tuple[list[Record], list[bytes]]:
    """The rows, and the lines that hold none."""
    records: list[Record] = []
    broken: list[bytes] = []
    for line in lines:
        try:
            records.append((Impression.from_payload(line).user_id.encode(), line))
        except ValidationError:
            broken.append(line)
    return records, broken


class ImpressionLog:
    """``offer`` takes the impressions of an answer and returns at once; a thread sends them.

    While Kafka is down they go to files in ``directory``, up to ``disk_bytes``, and are sent when it is back, also by
    the next process after a crash. A row may be sent twice (after a lost acknowledgement); (request_id, position)
    tells. ``count(outcome, n)`` hears of every row sent, spilled or dropped, and of every line of a file that holds no
    row, as a power failure leaves them: those are set aside in a file beside it.
    """

    def __init__(
        self,
        kafka: KafkaLog,
        directory: Path,
        count: Callable[[str, int], None],
        *,
        answers: int = 10_000,
        disk_bytes: int = 1 << 30,
        batch_seconds: float = 0.2,
    ) -> None:
        self._kafka = kafka
        self._directory = directory
        self._count = count
        self._disk_bytes = disk_bytes
        self._batch_seconds = batch_seconds
        self._queue: queue.Queue[Rows] = queue.Queue(answers)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="impressions", daemon=True)

    def start(self) -> None:
        """Begins to send, also what a dead process left."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for orphan in self._directory.glob("*.sending.*"):  # of the version before, which named its owner so
            with suppress(FileNotFoundError):  # another worker was quicker
                orphan.rename(orphan.with_name(orphan.name.split(".")[0] + SPILL))
        self._thread.start()

    def offer(self, rows: Rows) -> None:
        """Queues one answer's impressions; drops them, counted, when the buffer is full."""
        try:
            self._queue.put_nowait(rows)
        except queue.Full:
            self._count(DROPPED, len(rows()))

    @property
    def depth(self) -> int:
        """Answers waiting in memory."""
        return self._queue.qsize()

    @property
    def spilled_bytes(self) -> int:
        """Bytes waiting on disk."""
        total = 0
        for path in self._directory.glob(f"*{SPILL}"):
            with suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = self._take()
            if batch:
                self._deliver(batch)
            if self._kafka.up:
                self._send_spilled()

    def _take(self) -> list[Record]:
        """Waits a moment for the first answer and another for more, then takes what is there."""
        records: list[Record] = []
        try:
            records += self._records(self._queue.get(timeout=self._batch_seconds))
            self._stopping.wait(self._batch_seconds)
            while len(records) < BATCH:
                records += self._records(self._queue.get_nowait())
        except queue.Empty:
            pass
        return records

    def _records(self, rows: Rows) -> list[Record]:
        try:
            return [(row.user_id.encode(), row.to_payload()) for row in rows()]
        except ValueError as error:
            log.warning("an answer makes no impressions: %s", error)
            self._count(DROPPED, 1)
            return []

    def _deliver(self, batch: Sequence[Record]) -> None:
        try:
            self._kafka.append(IMPRESSIONS, batch)
        except UnavailableError:
            self._spill(batch)
        else:
            self._count(SENT, len(batch))

    def _spill(self, batch: Sequence[Record]) -> None:
        if self.spilled_bytes >= self._disk_bytes:
            self._count(DROPPED, len(batch))
            return
        partial = self._directory / f"{uuid.uuid4().hex}.partial"
        try:
            partial.write_bytes(b"".join(payload + b"\n" for _, payload in batch if payload is not None))
            partial.rename(partial.with_suffix(SPILL))
        except OSError as error:
            log.warning("impressions could not be kept: %s", error)
            self._count(DROPPED, len(batch))
        else:
            self._count(SPILLED, len(batch))

    def _oldest_first(self) -> list[Path]:
        ages: list[tuple[float, Path]] = []
        for path in self._directory.glob(f"*{SPILL}"):
            with suppress(FileNotFoundError):  # another worker took it
                ages.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(ages)]

    def _send_spilled(self) -> None:
        for path in self._oldest_first():
            with taken(path) as file:
                if file is None:
                    continue
                records, broken = _parsed(file.read().splitlines())
                try:
                    if records:
                        self._kafka.append(IMPRESSIONS, records)
                except UnavailableError:
                    return
                if broken:
                    self._set_aside(path.with_suffix(SET_ASIDE), broken)
                path.unlink()
            self._count(SENT, len(records))
            if self._stopping.is_set() or self.depth:
                return

    def _set_aside(self, path: Path, lines: Sequence[bytes]) -> None:
        self._count(UNREADABLE, len(lines))
        try:
            path.write_bytes(b"".join(line + b"\n" for line in lines))
        except OSError as error:
            log.warning("%d lines hold no impression and could not be kept: %s", len(lines), error)
        else:
            log.warning("%d lines hold no impression and were set aside in %s", len(lines), path)

    def stop(self, seconds: float = 5.0) -> None:
        """Sends or spills what is waiting."""
        self._stopping.set()
        self._thread.join(seconds)
        while batch := self._take():
            self._deliver(batch)
