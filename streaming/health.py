"""How far the stream's two ends are behind Kafka, and whether the lake sink still does its work."""

from dataclasses import asdict, dataclass
from typing import Any

import redis
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from contracts.settings import Settings
from contracts.topics import EVENTS
from feature_repo.online import PROJECT
from streaming.jobs import sink_folder
from streaming.partition_state import read_marks, waiting_key
from streaming.sink import DONE, behind
from streaming.sink_rows import FEEDS, Feed
from streaming.topics import reach

SINK_LATE_SECONDS = 10_800.0
"""Three runs of ``ingest_events``: messages that wait longer for the lake mean that the sink does not run."""


@dataclass(frozen=True)
class SinkHealth:
    """``behind`` messages wait for the lake; the last complete run was ``seconds`` ago, None: never."""

    table: str
    behind: int
    seconds: float | None

    @property
    def late(self) -> bool:
        """Whether messages wait and no run has taken them for too long."""
        return self.behind > 0 and (self.seconds is None or self.seconds > SINK_LATE_SECONDS)


@dataclass(frozen=True)
class StreamHealth:
    """``lag`` is events not applied yet, by partition; ``vectors_behind`` users whose vectors are behind."""

    lag: dict[int, int]
    vectors_behind: int
    sinks: list[SinkHealth]

    @property
    def late(self) -> list[str]:
        """The tables whose sink is late."""
        return [sink.table for sink in self.sinks if sink.late]

    def as_json(self) -> dict[str, Any]:
        """For printing."""
        return asdict(self) | {"late": self.late}


def stream_health(settings: Settings) -> StreamHealth:
    """Looks at Kafka, Redis and the sinks' folders. Raises UnavailableError or redis.RedisError."""
    reach(settings.kafka_bootstrap)
    places = [TopicPartition(EVENTS.address(settings.topic_prefix), p) for p in range(EVENTS.partitions)]
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap)
    try:
        first, end = consumer.beginning_offsets(places), consumer.end_offsets(places)
    finally:
        consumer.close()
    with redis.Redis.from_url(settings.redis_url) as client:
        marks = read_marks(client, range(EVENTS.partitions), project=PROJECT)
        waiting = sum(client.scard(waiting_key(PROJECT, partition)) for partition in marks)
    lag = {tp.partition: end[tp] - (marks[tp.partition].applied or first[tp]) for tp in places}
    return StreamHealth(lag, waiting, [_sink(settings, feed) for feed in FEEDS])


def _sink(settings: Settings, feed: Feed) -> SinkHealth:
    folder = sink_folder(settings, feed)
    waiting = behind(feed, settings.kafka_bootstrap, settings.topic_prefix, folder)
    done = folder / DONE
    return SinkHealth(feed.table, waiting, settings.now()() - done.stat().st_mtime if done.exists() else None)
