"""Figures of an interval, from what a real Prometheus client writes."""

import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from console import figures
from console.exposition import Scrape
from console.watch import consumer_watch, gateway_watch
from contracts.errors import UnavailableError
from streaming.consumer.metrics import ConsumerMetrics

BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)


def scraped(registry: CollectorRegistry) -> Scrape:
    return Scrape.parse(generate_latest(registry).decode())


def test_a_quantile_of_an_interval_lies_in_the_bucket_of_the_true_one() -> None:
    registry, generator = CollectorRegistry(), np.random.default_rng(7)
    histogram = Histogram("headwater_stage_seconds", "s", ["stage"], buckets=BUCKETS, registry=registry)
    for seconds in generator.exponential(0.3, 500):
        histogram.labels("rank").observe(seconds)
    before = scraped(registry)
    times = generator.exponential(0.02, 4000)
    for seconds in times:
        histogram.labels("rank").observe(seconds)
        histogram.labels("rules").observe(9.0)
    grown = scraped(registry).since(before)
    for share in (0.5, 0.95):
        found = grown.quantile("headwater_stage_seconds", share, stage="rank")
        assert found is not None
        edges = np.searchsorted(BUCKETS, [found, np.quantile(times, share)])
        assert edges[0] == edges[1]
    assert grown.quantile("headwater_stage_seconds", 0.5, stage="rules") == BUCKETS[-1]
    assert grown.quantile("headwater_stage_seconds", 0.5, stage="filter") is None


def test_a_server_that_was_started_anew_grew_from_nothing() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    Counter("headwater_consumer_events_total", "e", registry=first).inc(1000)
    Counter("headwater_consumer_events_total", "e", registry=second).inc(30)
    grown = scraped(second).since(scraped(first))
    assert figures.of_consumer(scraped(second), grown, 10.0)["events_per_second"] == 3.0


def test_shares_are_of_what_happened_and_none_of_nothing() -> None:
    registry = CollectorRegistry()
    stages = Histogram("headwater_stage_seconds", "s", ["stage"], buckets=BUCKETS, registry=registry)
    rows = Counter("headwater_user_rows_total", "r", ["state"], registry=registry)
    degraded = Counter("headwater_degraded_total", "d", ["stage"], registry=registry)
    requests = Counter("headwater_requests_total", "q", ["route", "method", "code"], registry=registry)
    Gauge("headwater_impression_buffer", "b", ["where"], registry=registry).labels("memory").set(4)
    empty = scraped(registry)
    nothing = figures.of_gateway(empty, empty.since(empty), 5.0)
    assert {nothing[name] for name in ("degraded_share", "hit_share", "stale_share", "p95_ms")} == {None}
    for state, times in {"fresh": 6, "stale": 2, "missing": 2}.items():
        rows.labels(state).inc(times)
    for _ in range(10):
        stages.labels("user_row").observe(0.002)
        stages.labels("rank").observe(0.02)
    degraded.labels("rank").inc(3)
    requests.labels("/v1/recommendations", "GET", "200").inc(18)
    requests.labels("/v1/events", "POST", "503").inc(2)
    now = scraped(registry)
    found = figures.of_gateway(now, now.since(empty), 5.0)
    shares = {name: found[name] for name in ("degraded_share", "hit_share", "stale_share", "failed_share")}
    assert shares == {"degraded_share": 0.3, "hit_share": 0.8, "stale_share": 0.2, "failed_share": 0.1}
    assert (found["requests_per_second"], found["degraded"], found["impressions_waiting"]) == (4.0, {"rank": 3.0}, 4.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("console.watch.time.monotonic", lambda: now[0])
    return now


async def test_a_watch_has_figures_of_the_window_asked_for_and_a_trend(clock: list[float]) -> None:
    metrics = ConsumerMetrics()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=generate_latest(metrics.registry)))
    async with httpx.AsyncClient(transport=transport) as client:
        watched = consumer_watch(client, "http://127.0.0.1")
        await watched.look()
        assert watched.over(60)["figures"] is None
        for step in range(30):
            clock[0] += 5.0
            metrics.events.inc(50 if step < 20 else 500)
            await watched.look()
    short, long = watched.over(50), watched.over(900)
    assert (short["seconds"], short["figures"]["events_per_second"]) == (50.0, 100.0)
    assert (long["seconds"], long["figures"]["events_per_second"]) == (150.0, 40.0)
    assert [point["events_per_second"] for point in long["points"]] == [10.0] * 20 + [100.0] * 10


async def test_replicas_behind_one_name_are_each_asked_and_added_up(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (f"10.0.0.{n}", 80)) for n in (2, 1)]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", two)
    replicas = {"10.0.0.1": ConsumerMetrics(), "10.0.0.2": ConsumerMetrics()}
    replicas["10.0.0.1"].events.inc(100_000)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=generate_latest(replicas[request.url.host].registry))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        watched = consumer_watch(client, "http://consumer")
        await watched.look()
        clock[0] += 5.0
        for one in replicas.values():
            one.events.inc(50)
        await watched.look()
    assert watched.over(60)["figures"]["events_per_second"] == 20.0


@pytest.mark.parametrize(
    ("answer", "says"), [(httpx.Response(500), "answers 500"), (httpx.Response(200, text="<html>{"), "no figures")]
)
async def test_a_watch_says_what_it_got_instead_and_recovers(answer: httpx.Response, says: str) -> None:
    answers = [answer, httpx.Response(200, text="# nothing\n")]
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answers.pop(0))) as client:
        watched = gateway_watch(client, "http://127.0.0.1")
        await watched.look()
        with pytest.raises(UnavailableError, match=f"gateway is unavailable: http://127.0.0.1/metrics .*{says}"):
            watched.over(60)
        await watched.look()
        assert watched.over(60)["figures"] is None
