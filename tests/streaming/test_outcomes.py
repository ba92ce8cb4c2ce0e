"""Clicks and purchases are counted for the release and arm whose answer they name: once, and for nobody else's."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.cluster import ClusterMetadata
from kafka.coordinator.assignors.range import RangePartitionAssignor
from prometheus_client import CollectorRegistry

from contracts.clock import utc
from contracts.events import Action, Event
from contracts.impressions import Impression
from contracts.topics import EVENTS, IMPRESSIONS
from streaming.outcomes import PATIENCE_SECONDS, OutcomeMetrics, Outcomes, count
from tests.streaming.running import START, wait_until

Sum = Callable[..., float]


def impression(request: str, item: str, *, user: str = "u", release: str = "r1", arm: str | None = None) -> Impression:
    return Impression(
        request_id=request, user_id=user, item_id=item, position=1, timestamp=START, release=release,
        experiment="e" if arm else None, arm=arm,
    )  # fmt: skip


def event(request: str | None, item: str, action: Action = Action.CLICK, user: str = "u") -> Event:
    return Event(
        event_id=f"{request}-{item}-{action}", user_id=user, item_id=item, action=action, timestamp=START,
        received_at=utc(START.timestamp()), request_id=request,
    )  # fmt: skip


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def counted(registry: CollectorRegistry) -> Sum:
    """The value of a counter for release and arm."""

    def value(what: str, release: str = "r1", arm: str = "") -> float:
        labels = {"release": release, "experiment": "e" if arm else "", "arm": arm}
        return registry.get_sample_value(f"headwater_outcome_{what}_items_total", labels) or 0.0

    return value


def test_an_event_counts_for_the_arm_that_showed_its_item(registry: CollectorRegistry, counted: Sum) -> None:
    outcomes = Outcomes(OutcomeMetrics(registry))
    for row in (impression("q1", "a", arm="control"), impression("q1", "b", arm="control"), impression("q2", "a")):
        outcomes.show(row)
    outcomes.happen(event("q1", "a"), 0.0)
    outcomes.happen(event("q2", "a", Action.PURCHASE), 0.0)
    outcomes.happen(event("q1", "b", Action.VIEW), 0.0)
    outcomes.happen(event(None, "b"), 0.0)
    assert (counted("shown", arm="control"), counted("clicked", arm="control"), counted("bought", arm="control")) == (
        2,
        1,
        0,
    )
    assert (counted("shown"), counted("clicked"), counted("bought")) == (1, 0, 1)


def test_messages_that_come_twice_count_once(registry: CollectorRegistry, counted: Sum) -> None:
    outcomes = Outcomes(OutcomeMetrics(registry))
    for _ in range(2):
        outcomes.show(impression("q", "a"))
        outcomes.happen(event("q", "a"), 0.0)
    assert (counted("shown"), counted("clicked")) == (1, 1)


@pytest.mark.parametrize("stray", [event("q", "other"), event("q", "a", user="somebody else"), event("unknown", "a")])
def test_what_matches_no_answer_waits_and_is_then_counted_as_unmatched(
    registry: CollectorRegistry, counted: Sum, stray: Event
) -> None:
    outcomes = Outcomes(OutcomeMetrics(registry))
    outcomes.show(impression("q", "a"))
    outcomes.happen(stray, 0.0)
    outcomes.settle(PATIENCE_SECONDS / 2)
    assert registry.get_sample_value("headwater_outcome_unmatched_events_total") == 0
    outcomes.settle(PATIENCE_SECONDS)
    assert registry.get_sample_value("headwater_outcome_unmatched_events_total") == 1
    assert counted("clicked") == 0


def test_a_click_that_overtakes_its_answer_counts(registry: CollectorRegistry, counted: Sum) -> None:
    outcomes = Outcomes(OutcomeMetrics(registry))
    outcomes.happen(event("q", "a"), 0.0)
    outcomes.show(impression("q", "a"))
    outcomes.settle(1.0)
    assert counted("clicked") == 1


def test_the_oldest_answers_are_forgotten_first(registry: CollectorRegistry, counted: Sum) -> None:
    outcomes = Outcomes(OutcomeMetrics(registry), answers=2)
    for request in ("q1", "q2", "q3"):
        outcomes.show(impression(request, "a"))
    for request in ("q1", "q3"):
        outcomes.happen(event(request, "a"), 0.0)
    assert counted("clicked") == 1


def forgetful(times: int) -> Any:
    """Kafka's assignor, which at first gives nothing, as when the topic is not known yet."""
    whole, given = RangePartitionAssignor.assign.__func__, []

    def assign(cls: Any, cluster: Any, members: Any) -> Any:
        given.append(members)
        return whole(cls, ClusterMetadata() if len(given) <= times else cluster, members)

    return classmethod(assign)


@pytest.mark.parametrize("empty_handed", [0, 2])
def test_two_processes_share_the_users_of_a_real_kafka(
    kafka_bootstrap: str,
    topic_prefix: str,
    registry: CollectorRegistry,
    counted: Sum,
    monkeypatch: pytest.MonkeyPatch,
    empty_handed: int,
) -> None:
    monkeypatch.setattr(RangePartitionAssignor, "assign", forgetful(empty_handed))
    monkeypatch.setattr("streaming.empty_handed.FIRST_SECONDS", 1.0)
    stop, metrics = threading.Event(), OutcomeMetrics(registry)
    threads = [
        threading.Thread(target=count, args=(kafka_bootstrap, topic_prefix, Outcomes(metrics), stop)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    sent = 0

    def send_until_read() -> bool:
        nonlocal sent
        for user in range(20):
            row = impression(f"q{sent}-{user}", "a", user=f"u{user}")
            producer.send(IMPRESSIONS.address(topic_prefix), row.to_payload(), key=row.user_id.encode())
            done = event(row.request_id, "a", user=row.user_id)
            producer.send(EVENTS.address(topic_prefix), done.to_payload(), key=row.user_id.encode())
        producer.send(EVENTS.address(topic_prefix), b"no event", key=b"u1")
        producer.flush()
        sent += 1
        return counted("clicked") >= 40

    try:
        wait_until(send_until_read, 90)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
        producer.close()
    assert counted("clicked") <= counted("shown") <= 20 * sent
