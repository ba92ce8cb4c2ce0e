"""What the topics hold stands in the lake once, whatever is repeated, cut off or lost."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pytest
from kafka import KafkaProducer

from contracts.errors import ConflictError, HeadwaterError
from contracts.impressions import Impression
from contracts.topics import EVENTS, IMPRESSIONS
from lake.store import Lake
from streaming import dirty_days
from streaming.sink import behind, only_one, run_feed
from streaming.sink_rows import FEEDS
from tests.streaming.running import START, event, produce

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EVENT_FEED, IMPRESSION_FEED, _ = FEEDS


def clock() -> float:
    """Two hours after the first event of a test."""
    return START.timestamp() + 7200


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def test_events_are_in_the_lake_once_after_repeats_and_a_lost_checkpoint(
    spark: "SparkSession", kafka_bootstrap: str, topic_prefix: str, lake: Lake, tmp_path: Path
) -> None:
    folder = tmp_path / "sink"
    assert behind(EVENT_FEED, kafka_bootstrap, topic_prefix, folder) == 0
    events = [event(n, user=f"u{n % 9}") for n in range(400)]
    late = event(1000, user="late", seconds=-3 * 86400)
    produce(kafka_bootstrap, topic_prefix, [*events, *events[:50], late])
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    producer.send(EVENTS.address(topic_prefix), b"poison", partition=0).get(10)
    producer.close()
    assert behind(EVENT_FEED, kafka_bootstrap, topic_prefix, folder) == 452
    report = run_feed(spark, EVENT_FEED, lake, kafka_bootstrap, topic_prefix, folder, clock)
    assert (report.messages, report.inserted, report.refused) == (452, 401, 1)
    assert report.dirty == {late.timestamp.date()}
    assert lake.read(dirty_days.TABLE)["dirty_day"].to_pylist() == [late.timestamp.date()]
    rows = lake.read("interactions")
    assert sorted(rows["event_id"].to_pylist()) == sorted(e.event_id for e in [*events, late])
    assert set(rows["source"].to_pylist()) == {"stream"}
    assert all(origin.startswith("events:") for origin in rows["origin"].to_pylist())
    assert lake.days("interactions") == [late.timestamp.date(), START.date()]
    assert behind(EVENT_FEED, kafka_bootstrap, topic_prefix, folder) == 0

    produce(kafka_bootstrap, topic_prefix, [event(2000)])
    shutil.rmtree(folder)
    again = run_feed(spark, EVENT_FEED, lake, kafka_bootstrap, topic_prefix, folder, clock)
    assert (again.messages, again.inserted) == (453, 1)
    assert lake.count("interactions") == 402


def test_a_sink_that_dies_before_it_reports_writes_nothing_twice(
    spark: "SparkSession",
    kafka_bootstrap: str,
    topic_prefix: str,
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    produce(kafka_bootstrap, topic_prefix, [event(n) for n in range(60)])

    def die(*_: object) -> None:
        raise OSError("the disk went away")

    with monkeypatch.context() as patched:
        patched.setattr("streaming.sink.mark", die)
        with pytest.raises(HeadwaterError, match="events stopped"):
            run_feed(spark, EVENT_FEED, lake, kafka_bootstrap, topic_prefix, tmp_path / "sink", clock)
    assert lake.count("interactions") == 60
    report = run_feed(spark, EVENT_FEED, lake, kafka_bootstrap, topic_prefix, tmp_path / "sink", clock)
    assert (report.messages, report.inserted) == (60, 0)
    assert lake.count("interactions") == 60


def test_impressions_reach_their_own_table(
    spark: "SparkSession", kafka_bootstrap: str, topic_prefix: str, lake: Lake, tmp_path: Path
) -> None:
    shown = [
        Impression(
            request_id=f"r{n // 10}",
            user_id="u",
            item_id=f"i{n}",
            position=n % 10 + 1,
            timestamp=datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=n),
            sources=["two_tower"],
            features=[1.0, 2.5],
        )
        for n in range(40)
    ]
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    for row in [*shown, *shown[:5]]:
        producer.send(IMPRESSIONS.address(topic_prefix), row.to_payload(), key=b"u").get(10)
    producer.close()
    report = run_feed(spark, IMPRESSION_FEED, lake, kafka_bootstrap, topic_prefix, tmp_path / "sink", clock)
    assert report.inserted == 40
    rows = lake.read("impressions")
    assert rows["features"][0].as_py() == [1.0, 2.5]
    assert pc.sum(rows["position"]).as_py() == sum(row.position for row in shown)


def test_two_sinks_at_once_are_refused(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(ConflictError, match="another lake sink"), only_one(tmp_path):
        raise AssertionError("both held the lock")
