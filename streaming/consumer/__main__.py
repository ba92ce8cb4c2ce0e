"""``python -m streaming.consumer``: one consumer process, until SIGTERM or SIGINT."""

import gc
import logging
import signal
import sys
import threading

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from database.engine import connect
from releases.model_client import ModelClient
from releases.store import ReleaseStore
from streaming.consumer.group import LoopSettings
from streaming.consumer.health import Health, HealthServer
from streaming.consumer.loop import ConsumerLoop
from streaming.consumer.metrics import ConsumerMetrics
from streaming.dead_letters import DeadLetterWriter
from streaming.flink.engine import FlinkEngine
from streaming.outcomes import OutcomeMetrics, Outcomes, count
from streaming.processor import Processor
from streaming.topics import ensure_topics
from streaming.towers import TowersInService
from streaming.vector_queue import VectorQueue
from streaming.vectors import VectorWriter

YOUNG_OBJECTS = 100_000
"""Before the collector looks at them: a batch makes so many, all free again at its end without it. With Python's 700 a
fifth of the time goes there."""


def main() -> int:
    """Runs the consumer. Returns 0 after a signal, 1 where it cannot start."""
    settings = Settings()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    metrics, health = ConsumerMetrics(), Health()
    server = HealthServer(settings.bind, settings.consumer_port, health, metrics.registry)
    server.start()
    try:
        ensure_topics(settings.kafka_bootstrap, settings.topic_prefix)
        # Redis is never retried in silence: after a restart the loop must look where Redis stands.
        client = redis.Redis.from_url(settings.redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=10)
        towers = TowersInService(connect(settings.database_url), ReleaseStore(settings.releases))
        with ModelClient(settings.model_server) as models:
            vectors = VectorQueue(towers, VectorWriter(client, models), metrics)
            engine = _engine(settings, client, metrics, health, vectors)
            outcomes = Outcomes(OutcomeMetrics(metrics.registry))
            counted = (settings.kafka_bootstrap, settings.topic_prefix, outcomes, stop)
            threading.Thread(target=count, args=counted, name="outcomes", daemon=True).start()
            gc.freeze()
            gc.set_threshold(YOUNG_OBJECTS)
            engine.run(stop)
    except HeadwaterError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    finally:
        server.stop()
    return 0


def _engine(
    settings: Settings, client: "redis.Redis[bytes]", metrics: ConsumerMetrics, health: Health, vectors: VectorQueue
) -> ConsumerLoop | FlinkEngine:
    bootstrap, prefix, clock = settings.kafka_bootstrap, settings.topic_prefix, settings.now()
    if settings.stream_engine == "flink":
        return FlinkEngine(bootstrap, prefix, settings.flink_url, client, metrics, health, vectors=vectors)
    return ConsumerLoop(
        LoopSettings(bootstrap, prefix, refresh_seconds=settings.release_poll_seconds),
        Processor(client, clock),
        DeadLetterWriter(bootstrap, prefix, clock),
        clock,
        metrics,
        health,
        vectors=vectors,
    )


if __name__ == "__main__":
    sys.exit(main())
