"""One consumer process, as it runs in service, that catches up with a backlog: vectors included."""

import gc
import multiprocessing
import resource
import sys
import threading
import time
from dataclasses import dataclass
from urllib.request import urlopen

import redis
from prometheus_client.parser import text_string_to_metric_families
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.settings import Settings
from contracts.topics import EVENTS
from database.engine import connect
from releases.model_client import ModelClient
from releases.store import ReleaseStore
from stack.preflight import free_ports
from streaming.consumer.__main__ import YOUNG_OBJECTS
from streaming.consumer.group import LoopSettings
from streaming.consumer.health import Health, HealthServer
from streaming.consumer.loop import ConsumerLoop
from streaming.consumer.metrics import ConsumerMetrics
from streaming.dead_letters import DeadLetterWriter
from streaming.partition_state import read_marks, waiting_key
from streaming.processor import Processor
from streaming.towers import TowersInService
from streaming.vector_queue import VectorQueue
from streaming.vectors import VectorWriter

HOST = "127.0.0.1"


@dataclass(frozen=True)
class CaughtUp:
    """``seconds`` from the start of the process until every event is applied and every vector is up to date;
    ``events_per_second`` since the first batch; CPU seconds of the consumer and of Redis; vectors computed."""

    seconds: float
    events_per_second: float
    consumer_seconds: float
    redis_seconds: float
    vectors: float


def _consume(settings: Settings, prefix: str, port: int) -> None:
    """A consumer whose namespace is ``prefix``; ends when it is terminated."""
    client = redis.Redis.from_url(settings.redis_url, retry=Retry(NoBackoff(), 0))
    towers = TowersInService(connect(settings.database_url), ReleaseStore(settings.releases))
    clock, metrics, health = settings.now(), ConsumerMetrics(), Health()
    HealthServer(HOST, port, health, metrics.registry).start()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    with ModelClient(settings.model_server) as models:
        ConsumerLoop(
            LoopSettings(settings.kafka_bootstrap, prefix),
            Processor(client, clock, project=prefix),
            DeadLetterWriter(settings.kafka_bootstrap, prefix, clock),
            clock,
            metrics,
            health,
            vectors=VectorQueue(towers, VectorWriter(client, models, project=prefix), metrics),
        ).run(threading.Event())


def _applied(client: "redis.Redis[bytes]", project: str) -> int:
    marks = read_marks(client, range(EVENTS.partitions), project=project)
    return sum(mark.applied or 0 for mark in marks.values())


def _behind(client: "redis.Redis[bytes]", project: str) -> int:
    return sum(client.scard(waiting_key(project, partition)) for partition in range(EVENTS.partitions))


def _redis_seconds(client: "redis.Redis[bytes]") -> float:
    used = client.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def _metric(port: int, name: str) -> float:
    with urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return next(sample.value for family in families for sample in family.samples if sample.name == name)


def catch_up(settings: Settings, client: "redis.Redis[bytes]", prefix: str, count: int) -> CaughtUp:
    """Starts a consumer and waits until it is done with ``count`` events."""
    (port,) = free_ports(HOST, 1)
    redis_before, children_before = _redis_seconds(client), resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = (settings, prefix, port)
    process = multiprocessing.get_context("spawn").Process(target=_consume, args=arguments, daemon=True)
    process.start()
    begun, first, at_first, said = time.perf_counter(), 0.0, 0, 0.0
    try:
        while (done := _applied(client, prefix)) < count or _behind(client, prefix):
            now = time.perf_counter()
            if done and not first:
                first, at_first = now, done
            if now - said > 5:
                said = now
                sys.stderr.write(f"{done:,} of {count:,} events applied, {_behind(client, prefix):,} vectors behind\n")
            time.sleep(0.05)
        ended = time.perf_counter()
        vectors = _metric(port, "headwater_consumer_vector_writes_total")
    finally:
        process.kill()
        process.join()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return CaughtUp(
        ended - begun,
        (count - at_first) / max(ended - first, 1e-9),
        children.ru_utime + children.ru_stime - children_before.ru_utime - children_before.ru_stime,
        _redis_seconds(client) - redis_before,
        vectors,
    )
