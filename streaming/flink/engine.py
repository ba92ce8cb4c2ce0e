"""The Flink job as the consumer's engine: started, watched and ended here; vectors are computed beside it."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import redis
import structlog
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from contracts.errors import HeadwaterError
from contracts.topics import DEAD_LETTERS, EVENTS
from feature_repo.online import PROJECT
from streaming.consumer.health import Health
from streaming.consumer.metrics import ConsumerMetrics
from streaming.flink.environment import FOLDER, flink_python
from streaming.flink.vectors import NotedDebts
from streaming.partition_state import PartitionMark, read_marks
from streaming.vector_queue import VectorQueue

TREE: Final = Path(__file__).resolve().parent.parent.parent
LOOK_SECONDS: Final = 0.2
REFRESH_LOOKS: Final = 5
"""Releases, lag and the job's health are looked at once in so many looks at whose vectors are behind."""

END_SECONDS: Final = 20
PAGES_SECONDS: Final = 2

log = structlog.get_logger(__name__)
HEAP: Final = "-Xmx512m"


def job_environment(python: Path) -> dict[str, str]:
    """The variables of the job's process: its environment first on PATH (Flink calls ``python`` for its workers), the
    workers in processes of their own, and Flink's log on standard output from warnings on."""
    return {
        **os.environ,
        "PATH": os.pathsep.join((str(python.parent), os.environ.get("PATH", os.defpath))),
        "PYTHONPATH": str(TREE),
        "JVM_ARGS": HEAP,
        "LOG4J_PROPERTIES": str(Path(__file__).with_name("log4j2.properties")),
        "_python_worker_execution_mode": "process",
    }


@contextmanager
def job_process(environment: dict[str, str] | None = None, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """``python -m streaming.flink.job`` in Flink's environment; it ends when its input is closed at the end.

    Raises HeadwaterError where there is no such environment.
    """
    python = flink_python(FOLDER)
    process = subprocess.Popen(
        [str(python), "-m", "streaming.flink.job", *arguments],
        env=job_environment(python) | (environment or {}),
        stdin=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.communicate(timeout=END_SECONDS)


def job_fault(pages: str) -> str | None:
    """What is wrong with the job as Flink's own interface says it, None where all of its tasks run.

    Raises OSError where nobody answers.
    """
    with urlopen(f"{pages}/jobs/overview", timeout=PAGES_SECONDS) as answer:
        jobs = json.load(answer)["jobs"]
    if not jobs:
        return "no job yet"
    tasks = jobs[0]["tasks"]
    return None if tasks["running"] == tasks["total"] > 0 else f"the job is {jobs[0]['state'].lower()}"


class FlinkEngine:
    """Stands where ConsumerLoop stands. ``pages`` is where Flink's own interface is, ``http://host:port``."""

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        pages: str,
        client: "redis.Redis[bytes]",
        metrics: ConsumerMetrics,
        health: Health,
        *,
        vectors: VectorQueue,
    ) -> None:
        self._bootstrap = bootstrap
        self._pages = pages
        self._client = client
        self._metrics = metrics
        self._health = health
        self._vectors = vectors
        self._debts = NotedDebts(client, vectors)
        self._events = [TopicPartition(EVENTS.address(prefix), p) for p in range(EVENTS.partitions)]
        self._letters = TopicPartition(DEAD_LETTERS.address(prefix), 0)
        self._marks: dict[int, PartitionMark] = {}
        self._letter_end: int | None = None

    def run(self, stop: threading.Event) -> None:
        """Runs job and vectors until ``stop``. Raises HeadwaterError when the job cannot start or ends by itself."""
        kafka = KafkaConsumer(bootstrap_servers=self._bootstrap)
        with ThreadPoolExecutor(1, "vectors") as pool:
            try:
                computing = pool.submit(self._vectors.run, stop)
                while not stop.is_set():
                    self._run_job(kafka, computing, stop)
            finally:
                stop.set()
                kafka.close()

    def _run_job(self, kafka: Any, computing: "Future[None]", stop: threading.Event) -> None:
        """One job, until ``stop``, or until Redis has less than it had: the next job starts there. (A worker would
        notice too, but only with the next event of the partition.)"""
        with job_process() as job:
            for look in count():
                if stop.wait(LOOK_SECONDS):
                    return
                if job.poll() is not None:
                    raise HeadwaterError(f"the Flink job ended with status {job.returncode}: see the lines above")
                self._health.beat = time.monotonic()
                try:
                    if self._look(kafka, computing, refresh=look % REFRESH_LOOKS == 0):
                        log.warning("starting again where Redis stands")
                        self._metrics.rewinds.inc(EVENTS.partitions)
                        return
                except redis.RedisError as error:
                    self._health.fault = f"redis: {error}"
                except KafkaError as error:
                    self._health.fault = f"kafka: {error}"
                except OSError as error:
                    self._health.fault = f"flink: {error}"

    def _look(self, kafka: Any, computing: "Future[None]", *, refresh: bool) -> bool:
        """Hands vectors on and, on ``refresh``, looks at everything else. Whether Redis has less than it had."""
        self._debts.collect(everybody=refresh and self._vectors.refresh())
        self._debts.settle()
        if not refresh:
            return False
        if computing.done():
            computing.result()
        if self._measure(kafka):
            return True
        fault = job_fault(self._pages)
        self._health.fault = fault and f"flink: {fault}"
        self._health.joined = fault is None
        return False

    def _measure(self, kafka: Any) -> bool:
        """Lag and progress, from where Redis and Kafka stand: the workers' own figures are on Flink's pages. Whether
        Redis has less than it had."""
        ends = kafka.end_offsets([*self._events, self._letters])
        before, self._marks = self._marks, read_marks(self._client, range(EVENTS.partitions), project=PROJECT)
        letters_before, self._letter_end = self._letter_end, ends[self._letters]
        for place in self._events:
            lag = ends[place] - (self._marks[place.partition].applied or 0)
            self._metrics.lag.labels(str(place.partition)).set(max(0, lag))
        self._metrics.vectors_behind.set(len(self._vectors))
        steps = [(mark.applied or 0) - (before[p].applied or 0) for p, mark in self._marks.items() if before]
        self._metrics.events.inc(sum(step for step in steps if step > 0))
        if letters_before is not None:
            self._metrics.dead_letters.inc(ends[self._letters] - letters_before)
        return any(step < 0 for step in steps)
