"""The gateway's parts, put together and started and stopped in order."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import httpx
import redis
import sqlalchemy as sa
from prometheus_client import multiprocess
from sqlalchemy.exc import SQLAlchemyError

from contracts.errors import UnavailableError
from contracts.experiment import RunningExperiment, Status
from contracts.topics import CATALOGUE
from experimentation.store import Experiments
from pipeline.chain import Chain, recommendation_chain
from pipeline.items import Items
from pipeline.request import Answer, Request
from releases.pointers import Pointers
from releases.store import ReleaseStore
from serving.auth.issuer import Issuer
from serving.auth.key_sources import DiscoveredKeys, EmbeddedKeys, KeySource
from serving.auth.verifier import Verifier
from serving.erasure.ledger import Ledger
from serving.gateway import metrics
from serving.gateway.arms import RunningArms
from serving.gateway.breaker import Breaker
from serving.gateway.catalogue import Catalogue
from serving.gateway.catalogue_reader import CatalogueReader
from serving.gateway.catalogue_snapshot import CatalogueSnapshot
from serving.gateway.configuration import Configuration
from serving.gateway.in_force import InForce, ReleaseKeeper
from serving.gateway.item_counts import ItemCounts
from serving.gateway.item_scores import LiveTrending
from serving.gateway.rate_limit import RateLimiter
from serving.gateway.release_loading import LoadedRelease, ReleaseLoader
from serving.gateway.rules_file import RULES, RulesFile
from serving.gateway.served_models import Models
from serving.gateway.ticker import Ticker
from serving.gateway.user_rows import RedisUserRows, connect
from serving.gateway.workers_progress import WorkersProgress
from serving.impressions import ImpressionLog
from serving.kafka_log import KafkaLog

T = TypeVar("T")

DATABASE_SECONDS = 2
REDIS_SHARE = 0.25
"""Share of the request's deadline that one Redis call may take."""
REDIS_SECONDS = 2.0
"""What it may take beside the requests."""
LOOK_SECONDS = 10.0
"""How long a start waits for the first release and the catalogue before it takes requests."""


class Gateway:
    """Everything that routes use. Nothing connects before ``start``."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.clock = configuration.clock
        timeout = configuration.request_deadline_ms / 1000 * REDIS_SHARE
        self.redis = connect(configuration.redis_url, timeout)
        self.redis_breaker = Breaker("redis", (redis.RedisError, OSError))
        self.models = Models(configuration.model_server)
        self.kafka = KafkaLog(configuration.kafka_bootstrap, configuration.topic_prefix)
        self.limiter = RateLimiter(
            configuration.redis_url,
            configuration.rate_user_per_second,
            configuration.rate_client_per_second,
            timeout=timeout,
        )
        self.impressions = ImpressionLog(
            self.kafka,
            configuration.home / "gateway" / "impressions",
            lambda outcome, count: metrics.IMPRESSIONS.labels(outcome).inc(count),
        )
        self.issuer = Issuer(configuration.home, configuration.issuer, configuration.audience, self.clock)
        self.http = httpx.AsyncClient(timeout=5.0)
        self.verifier = Verifier(
            self._key_source(),
            configuration.issuer,
            configuration.audience,
            configuration.clock_skew_seconds,
            self.clock,
        )
        self.erasures = Ledger(configuration.home / "erasures")
        self._store = ReleaseStore(configuration.releases)
        self._trending = LiveTrending(self.redis, self.redis_breaker, self.clock)
        self._bulk_redis = connect(configuration.redis_url, REDIS_SECONDS)
        self._counts = ItemCounts(self._bulk_redis, self.clock)
        self._rules = RulesFile(configuration.home / RULES)
        engine = _engine(configuration.database_url)
        self._pointers = Pointers(engine, self.clock)
        self.experiments = Experiments(engine, self.clock)
        self.catalogue = Catalogue(lambda: self.keeper.refresh())
        self.workers = WorkersProgress(configuration.home / "gateway" / "workers")
        self._catalogue_reader = CatalogueReader(
            configuration.kafka_bootstrap,
            configuration.topic_prefix,
            self.catalogue,
            CatalogueSnapshot(
                configuration.home / "gateway" / "catalogue.snapshot", CATALOGUE.address(configuration.topic_prefix)
            ),
            self.workers.tell,
        )
        self.keeper = ReleaseKeeper(
            ReleaseLoader(configuration.releases, self.models, configuration.home),
            self._read_pointers,
            self._read_running,
            self.catalogue,
            self._rules.named,
            self._items_now,
            self._chain,
            configuration.home / "gateway" / "pointers.json",
            self.clock,
        )
        self._looked = threading.Event()
        self._poller = Ticker("release-poll", self._poll, configuration.release_poll_seconds)
        self._refresher = Ticker("item-refresh", self._refresh, configuration.refresh_seconds)
        self._counter = Ticker("item-counts", self._read_counts, configuration.refresh_seconds / 2)
        self._threads = ThreadPoolExecutor(configuration.threads, "request")
        self._event_threads = ThreadPoolExecutor(16, "events")

    def _key_source(self) -> KeySource:
        if self.configuration.embedded_issuer:
            return EmbeddedKeys(self.issuer.keys)
        return DiscoveredKeys(self.configuration.issuer, self.http)

    def _read_pointers(self) -> Mapping[str, str | None]:
        try:
            return {name: pointer.release_id for name, pointer in self._pointers.all().items()}
        except SQLAlchemyError as error:
            raise UnavailableError("PostgreSQL", type(error).__name__) from error

    def _poll(self) -> None:
        try:
            self.keeper.poll()
        finally:
            self._looked.set()

    def _read_counts(self) -> None:
        if self.keeper.ready and self._counts.read(self.keeper.current.loaded):
            self.keeper.refresh()

    def _items_now(self, loaded: LoadedRelease, items: Items, now: float) -> Items:
        items = self._trending.over(items, loaded.manifest.data_to.timestamp(), now)
        return self._counts.over(loaded.manifest.id, items)

    def _item_age(self, now: float) -> float:
        return max(now - min(self._counts.read_at, self._trending.read_at), 0.0)

    def _refresh(self) -> None:
        self._trending.read()
        metrics.ITEM_TABLE_AGE.set(self._item_age(self.clock()))
        metrics.BUFFER_DEPTH.labels("memory").set(self.impressions.depth)
        metrics.SPILLED.set(self.impressions.spilled_bytes)
        self.keeper.refresh()

    def _read_running(self) -> Sequence[RunningExperiment]:
        try:
            return self.experiments.list(Status.RUNNING)
        except SQLAlchemyError as error:
            raise UnavailableError("PostgreSQL", type(error).__name__) from error

    def _chain(self, arms: RunningArms, releases: Sequence[str]) -> Chain:
        rows = RedisUserRows(self.redis, self.redis_breaker, releases, self.configuration.user_stale_seconds)
        deadline = self.configuration.request_deadline_ms / 1000
        return recommendation_chain(rows, arms, deadline=deadline, item_age=self._item_age)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Runs a part of the request path beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def in_event_thread(self, function: Callable[[], T]) -> T:
        """Runs what waits for Kafka, so that recommendations never wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self._event_threads, function)

    def answer(self, request: Request, in_force: InForce | None = None) -> Answer:
        """Runs the chain and counts what it did. Raises UnavailableError while no release is in force."""
        answer = (in_force or self.keeper.current).chain.run(request)
        if self.degraded:
            answer = replace(answer, degraded=(*answer.degraded, *self.degraded))
        metrics.FEATURES.labels(answer.user.state).inc()
        for stage in answer.stages:
            metrics.STAGES.labels(stage.stage).observe(stage.milliseconds / 1000)
        for name in answer.degraded:
            metrics.DEGRADED.labels(name).inc()
        for source, count in answer.candidates.items():
            metrics.CANDIDATES.labels(source).inc(count)
        return answer

    @property
    def degraded(self) -> tuple[str, ...]:
        """What every answer goes without, beside the stages that fell back."""
        return () if self._catalogue_reader.known else ("catalogue",)

    @property
    def ready(self) -> bool:
        """Whether a release is in force, and the catalogue as it can be known now."""
        return self.keeper.ready and self._catalogue_reader.settled.is_set()

    def knows(self, item_id: str) -> bool:
        """Whether the item is, or was until it was deleted, in the champion or the catalogue topic."""
        return self.catalogue.last(item_id) is not None or item_id in self.keeper.current.champion.artifacts.items.ids

    def known_releases(self) -> list[str]:
        """Ids of the releases under which vectors may stand online."""
        return [manifest.id for manifest in self._store.list()]

    def start(self) -> None:
        """Starts the threads that follow releases, items and Kafka. Returns at once; ``ready`` tells."""
        self.workers.begin()
        self._catalogue_reader.start()
        self.kafka.start()
        self.impressions.start()
        self._poller.start()
        self._refresher.start()
        self._counter.start()

    async def looked(self) -> None:
        """Waits a while for the first look at the pointers and at the catalogue, so that a worker answers from its
        first request on, without items that were deleted."""
        loop = asyncio.get_running_loop()
        end = time.monotonic() + LOOK_SECONDS
        for event in (self._looked, self._catalogue_reader.settled):
            await loop.run_in_executor(None, event.wait, max(end - time.monotonic(), 0.0))

    async def stop(self) -> None:
        """Ends the threads, sends or spills the impressions that wait, disconnects."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._stop)
        await self.http.aclose()

    def _stop(self) -> None:
        self._poller.stop()
        self._refresher.stop()
        self._counts.stop()
        self._counter.stop()
        self._catalogue_reader.stop()
        self.workers.end()
        self._threads.shutdown()
        self._event_threads.shutdown()
        self.impressions.stop()
        self.kafka.stop()
        self.models.close()
        self._counts.close()
        self._bulk_redis.close()
        self.redis.close()
        if self.configuration.metrics_directory is not None:
            multiprocess.mark_process_dead(os.getpid(), str(self.configuration.metrics_directory))  # type: ignore[no-untyped-call]


def _engine(database_url: str) -> sa.Engine:
    """One connection that gives up soon: the gateway goes on with the last pointers it knew."""
    url = sa.engine.make_url(database_url).update_query_dict({"connect_timeout": str(DATABASE_SECONDS)})
    return sa.create_engine(url, pool_pre_ping=True, pool_size=1, max_overflow=1, pool_timeout=DATABASE_SECONDS)
