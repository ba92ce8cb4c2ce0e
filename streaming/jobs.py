"""Entry points of the stream's jobs, as Airflow and the command line start them."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import redis

from contracts.settings import Settings
from contracts.topics import CATALOGUE
from database.engine import connect
from feature_repo.online import PROJECT
from lake.store import Lake
from releases.model_client import ModelClient
from releases.store import ReleaseStore
from streaming.catalogue_sink import ITEMS, sink_catalogue
from streaming.namespace import Comparison, compare, discard, swap
from streaming.replay import Replay, ReplayReport, within
from streaming.sink_rows import FEEDS, Feed
from streaming.topics import ensure_topics
from streaming.towers import TowersInService
from streaming.vectors import VectorWriter


def ingest_events(
    settings: Settings | None = None, say: Callable[[str], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Brings events and impressions into the lake, each once, and what was put into the catalogue; returns a report a
    table. May be repeated at any time.

    Raises UnavailableError, ConflictError (another sink runs) or HeadwaterError.
    """
    from streaming.sink import SinkReport, behind, run_feed
    from streaming.spark import sink_session

    chosen = settings or Settings()
    lake = Lake(chosen.lake, s3_endpoint=chosen.s3_endpoint, s3_region=chosen.s3_region)
    ensure_topics(chosen.kafka_bootstrap, chosen.topic_prefix)
    folders = {feed.table: sink_folder(chosen, feed) for feed in FEEDS}
    where = (chosen.kafka_bootstrap, chosen.topic_prefix)
    waiting = [feed for feed in FEEDS if behind(feed, *where, folders[feed.table])]
    reports = {feed.table: SinkReport(feed.table) for feed in FEEDS}
    if waiting:
        say("starting Spark")
        with sink_session(chosen.spark_master, chosen.spark_memory) as spark:
            for feed in waiting:
                say(f"{feed.topic.name} → {feed.table}")
                reports[feed.table] = run_feed(spark, feed, lake, *where, folders[feed.table], chosen.now())
    items = sink_catalogue(lake, *where, chosen.home / "sink" / f"{chosen.topic_prefix}{CATALOGUE.name}")
    reports[ITEMS] = SinkReport(ITEMS, messages=items, inserted=items)
    return [report.as_json() for report in reports.values()]


def sink_folder(settings: Settings, feed: Feed) -> Path:
    """Where the sink of a feed keeps its checkpoint."""
    return settings.home / "sink" / f"{settings.topic_prefix}{feed.topic.name}"


def replay(
    settings: Settings,
    start: datetime | None,
    end: datetime | None,
    *,
    swapping: bool,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[ReplayReport, Comparison]:
    """Rebuilds the online state in a namespace of its own, compares it with the live one, and swaps where asked.

    Raises InvalidInputError, UnavailableError, ConflictError or redis.RedisError; the live state is then as it was,
    or each user's is either the old or the new one: run it again.
    """
    wanted = within(start, end)
    clock = settings.now()
    namespace = f"{PROJECT}-replay"
    lake = Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)
    ensure_topics(settings.kafka_bootstrap, settings.topic_prefix)
    towers = TowersInService(connect(settings.database_url), ReleaseStore(settings.releases))
    towers.refresh()
    with redis.Redis.from_url(settings.redis_url) as client, ModelClient(settings.model_server) as models:
        discard(client, namespace, clock, list(towers.towers))
        again = Replay(
            client, lake, settings.kafka_bootstrap, settings.topic_prefix, clock, namespace=namespace, say=say
        )
        report = again.run(wanted)
        say(f"{report.users:,} users rebuilt")
        again.vectors(list(towers.towers.values()), VectorWriter(client, models, project=namespace))
        comparison = compare(client, PROJECT, namespace, list(towers.towers))
        if swapping:
            swap(client, PROJECT, namespace, clock, list(towers.towers))
        else:
            discard(client, namespace, clock, list(towers.towers))
    return report, comparison
