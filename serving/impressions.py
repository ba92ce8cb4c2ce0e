"""Impressions on their way to Kafka, off the response path: a bounded buffer, then files, never the request's time."""

import fcntl
import logging
import os
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from contracts.errors import UnavailableError
from contracts.impressions import Impression
from contracts.topics import IMPRESSIONS
from serving.kafka_log import KafkaLog, Record

log = logging.getLogger(__name__)

BATCH = 2_000
"""Rows that are sent, or spilled into one file, at once."""

SENT, SPILLED, DROPPED = "sent", "spilled", "dropped"
Rows = Callable[[], Sequence[Impression]]
"""Makes the rows of one answer, in the sender's thread."""


class ImpressionLog:
    """``offer`` takes the impressions of an answer and returns at once; a thread sends them.

    While Kafka is down they go to files in ``directory``, up to ``disk_bytes``, and are sent when it is back, also by
    the next process after a crash. A row may be sent twice (after a lost acknowledgement); (request_id, position)
    tells. ``count(outcome, n)`` hears of every row sent, spilled or dropped.
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
        """Takes over what a dead process left, and begins to send."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for orphan in self._directory.glob("*.sending.*"):
            with claimed(orphan, orphan.with_name(orphan.name.split(".")[0] + ".spilled")):
                pass
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
        for path in [*self._directory.glob("*.spilled"), *self._directory.glob("*.sending.*")]:
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
            partial.rename(partial.with_suffix(".spilled"))
        except OSError as error:
            log.warning("impressions could not be kept: %s", error)
            self._count(DROPPED, len(batch))
        else:
            self._count(SPILLED, len(batch))

    def _oldest_first(self) -> list[Path]:
        ages: list[tuple[float, Path]] = []
        for path in self._directory.glob("*.spilled"):
            with suppress(FileNotFoundError):  # another worker took it
                ages.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(ages)]

    def _send_spilled(self) -> None:
        for path in self._oldest_first():
            mine = path.with_name(f"{path.stem}.sending.{os.getpid()}")
            with claimed(path, mine) as lines:
                if lines is None:
                    continue
                records: list[Record] = [(Impression.from_payload(line).user_id.encode(), line) for line in lines]
                try:
                    self._kafka.append(IMPRESSIONS, records)
                except UnavailableError:
                    mine.rename(path)
                    return
                mine.unlink()
            self._count(SENT, len(records))
            if self._stopping.is_set() or self.depth:
                return

    def stop(self, seconds: float = 5.0) -> None:
        """Sends or spills what is waiting."""
        self._stopping.set()
        self._thread.join(seconds)
        while batch := self._take():
            self._deliver(batch)


@contextmanager
def claimed(path: Path, mine: Path) -> Iterator[list[bytes] | None]:
    """Renames a file of impressions to ``mine`` and gives its lines; None where another process has it. The claim is a
    lock, which ends with its process: gateways that share the folder may not see each other's process numbers."""
    with ExitStack() as held:
        yield _claim(path, mine, held)


def _claim(path: Path, mine: Path, held: ExitStack) -> list[bytes] | None:
    try:
        file = held.enter_context(path.open("rb"))
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_ino != path.stat().st_ino:  # rewritten since it was opened
            return None
        path.rename(mine)
    except (BlockingIOError, FileNotFoundError):
        return None
    return file.read().splitlines()


def alive(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
