"""Runs on the installation that the settings name, with topics, a namespace and a lake of its own."""

import argparse
import statistics
import uuid

import redis
from kafka.admin import KafkaAdminClient

from benchmarks.result import Figure
from benchmarks.stream import ingest, lake_sink
from benchmarks.stream.backlog import Produced, decoding_rate, produce
from benchmarks.stream.catch_up import catch_up
from contracts.settings import Settings
from contracts.topics import TOPICS
from database.engine import connect
from feature_repo.redis_layout import encode_entity_key
from releases.store import ReleaseStore
from streaming.namespace import discard, user_ids
from streaming.topics import ensure_topics
from streaming.towers import TowersInService

SAMPLE = 500
READING = "the same consumer reading and decoding only"


def run(argv: list[str]) -> list[Figure]:
    """The figures. Raises UnavailableError where the stack is not up."""
    parser = argparse.ArgumentParser(prog="headwater bench stream")
    parser.add_argument("--events", type=int, default=500_000, help="backlog that is caught up with")
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load on POST /v1/events")
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args(argv)
    settings, prefix = Settings(), f"bench-{uuid.uuid4().hex[:8]}."
    ensure_topics(settings.kafka_bootstrap, prefix)
    towers = TowersInService(connect(settings.database_url), ReleaseStore(settings.releases))
    towers.refresh()
    backlog = Produced(chosen.events, chosen.users, known_items(towers), chosen.seed)
    try:
        produce(settings, prefix, backlog)
        decoding = decoding_rate(settings, prefix, chosen.events)
        figures = consuming(settings, prefix, backlog, decoding, list(towers.towers))
        figures += lake_sink.figures(settings, prefix, chosen.events, READING, decoding)
    finally:
        admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
        admin.delete_topics([topic.address(prefix) for topic in TOPICS])
        admin.close()
    return figures + ingest.figures(settings, backlog.items, chosen.seconds)


def known_items(towers: TowersInService) -> list[str]:
    """The items of a release in service, so that its tower has something to read; made-up ones where there is none."""
    known = next((list(tower.items) for tower in towers.towers.values()), [])
    return known or [f"item{n}" for n in range(10_000)]


def consuming(settings: Settings, prefix: str, backlog: Produced, decoding: float, releases: list[str]) -> list[Figure]:
    """Catches up with the backlog, vectors of every release in service and all, in the namespace ``prefix``."""
    with redis.Redis.from_url(settings.redis_url) as client:
        try:
            caught = catch_up(settings, client, prefix, backlog.count)
            ids = [user for _, user in zip(range(SAMPLE), user_ids(client, prefix), strict=False)]
            keys = [encode_entity_key(prefix, {"user_id": user}) for user in ids]
            bytes_per_user = statistics.fmean(client.memory_usage(key, samples=0) or 0 for key in keys)
        finally:
            discard(client, prefix, settings.now(), releases)
    return [
        Figure("events_per_second", caught.events_per_second, "events/s", READING, decoding),
        Figure("catch_up_seconds", caught.seconds, "s", f"{backlog.count} events, {READING}", backlog.count / decoding),
        Figure("releases", float(len(releases)), "vectors a user"),
        Figure("vectors_per_event", caught.vectors / backlog.count, "vectors"),
        Figure("consumer_cpu_us_per_event", 1e6 * caught.consumer_seconds / backlog.count, "µs"),
        Figure("redis_cpu_us_per_event", 1e6 * caught.redis_seconds / backlog.count, "µs"),
        Figure("redis_bytes_per_user", bytes_per_user, "bytes"),
    ]
