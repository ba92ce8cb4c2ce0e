"""A real Flink job on a cluster of its own, in a namespace beside the kafka-python consumer's."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

import psutil
import redis
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from contracts.topics import EVENTS, Topic
from stack.preflight import free_ports
from streaming.flink.engine import job_process
from streaming.partition_state import read_marks

HOST = "127.0.0.1"


@dataclass
class Job:
    """A running job: its processes, and its cluster's pages at ``pages``."""

    process: psutil.Process
    pages: str

    def workers(self) -> list[psutil.Process]:
        """The Python processes that fold."""
        return [p for p in self.process.children(recursive=True) if any("beam_boot" in word for word in p.cmdline())]

    def kill(self) -> None:
        """SIGKILL for everything at once: the program, Flink, the workers."""
        for process in [self.process, *self.process.children(recursive=True)]:
            process.kill()

    def checkpoints(self) -> dict[str, int]:
        """Flink's own count of the job's checkpoints: completed, restored, …"""
        (job,) = self._ask("/jobs")["jobs"]
        counts: dict[str, int] = self._ask(f"/jobs/{job['id']}/checkpoints")["counts"]
        return counts

    def _ask(self, path: str) -> Any:
        with urlopen(self.pages + path, timeout=10) as answer:
            return json.load(answer)


@dataclass(frozen=True)
class Flink:
    """Where jobs of one test read and write."""

    bootstrap: str
    prefix: str
    redis_url: str

    @property
    def namespace(self) -> str:
        """Beside the consumer's, which is the prefix."""
        return f"{self.prefix}flink"

    @contextmanager
    def job(self) -> Iterator[Job]:
        """A new job; at the end its input is closed, and none of its processes may be left."""
        (port,) = free_ports(HOST, 1)
        environment = {
            "HEADWATER_KAFKA_BOOTSTRAP": self.bootstrap,
            "HEADWATER_TOPIC_PREFIX": self.prefix,
            "HEADWATER_REDIS_URL": self.redis_url,
            "HEADWATER_FLINK_PORT": str(port),
        }
        with job_process(environment, "--namespace", self.namespace) as started:
            process = psutil.Process(started.pid)
            yield Job(process, f"http://{HOST}:{port}")
            descendants = process.children(recursive=True) if process.is_running() else []
        _, left = psutil.wait_procs(descendants, 20)
        assert left == []

    def ends(self, topic: Topic = EVENTS) -> dict[int, int]:
        """The end of each partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap)
        places = [TopicPartition(topic.address(self.prefix), p) for p in range(topic.partitions)]
        found = consumer.end_offsets(places)
        consumer.close()
        return {place.partition: offset for place, offset in found.items()}

    def applied(self, namespace: str) -> int:
        """How many messages Redis has of a namespace."""
        with redis.Redis.from_url(self.redis_url) as client:
            marks = read_marks(client, range(EVENTS.partitions), project=namespace)
        return sum(mark.applied or 0 for mark in marks.values())
