"""The online state can be built again from the lake and Kafka, compared and swapped while the consumer runs."""

import random
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import redis

from contracts.errors import InvalidInputError
from contracts.topics import EVENTS
from feature_repo.erased import digest, remember
from feature_repo.redis_layout import encode_entity_key
from feature_repo.redis_reader import read_trending, read_user
from lake.store import Lake
from lake.tables import TABLES
from streaming.namespace import compare, discard, swap, user_ids
from streaming.replay import Replay, within
from streaming.sink_rows import FEEDS, to_rows
from tests.streaming.running import START, consuming, event, produce, wait_until


def replaying(client: "redis.Redis[bytes]", lake: Lake, bootstrap: str, prefix: str) -> Replay:
    return Replay(client, lake, bootstrap, prefix, time.time, namespace=f"{prefix}again")


def test_replayed_state_equals_live_state_and_repairs_it(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, tmp_path: Path
) -> None:
    randomness = random.Random(1)
    events = [event(n, user=f"u{randomness.randrange(12)}", item=f"i{n % 50}") for n in range(1200)]
    shuffled = events + events[:80]
    randomness.shuffle(shuffled)
    client = redis.Redis.from_url(redis_url)
    lake = Lake(str(tmp_path))
    imported = [event(n, user="imported", seconds=n - 5000) for n in range(30)]
    rows, _ = to_rows(FEEDS[0], [(e.to_payload(), 0, 0) for e in imported])
    rows = rows.set_column(rows.column_names.index("source"), "source", [["import"] * 30])
    lake.merge("interactions", rows, ("event_id",))
    live, last = topic_prefix, events[-1].timestamp.timestamp()
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, batch=100) as (metrics, _):
        produce(kafka_bootstrap, topic_prefix, shuffled)
        wait_until(lambda: metrics.registry.get_sample_value("headwater_consumer_events_total") == 1280)
        again = replaying(client, lake, kafka_bootstrap, topic_prefix)
        report = again.run(within(None, None))
        assert (report.from_kafka, report.from_lake, report.users) == (1280, 30, 13)
        found = compare(client, live, again.namespace)
        assert (found.history, found.counters, found.seen) == (1, 1, 1)
        assert (found.users, found.missing, found.examples) == (13, 1, ["imported"])
        trend = read_trending(client, EVENTS.partitions, lambda: last, project=live)
        assert trend == read_trending(client, EVENTS.partitions, lambda: last, project=again.namespace)

        client.delete(encode_entity_key(live, {"user_id": "u3"}))
        produce(kafka_bootstrap, topic_prefix, [event(5000, user="u4"), event(5001, user="u3")])
        wait_until(lambda: read_user(client, "u4", project=live).activity.acts[-1].item_id == "i5000")
        assert swap(client, live, again.namespace, time.time) == 13
        wait_until(lambda: len(read_user(client, "u3", project=live).activity.acts) > 50)
        wait_until(lambda: read_user(client, "u4", project=live).activity.acts[-1].item_id == "i5000")
        wait_until(lambda: read_user(client, "u3", project=live).activity.acts[-1].item_id == "i5001")
        assert len(read_user(client, "imported", project=live).activity.acts) == 30
        assert list(user_ids(client, again.namespace)) == []
        check = replaying(client, lake, kafka_bootstrap, topic_prefix)
        check.run(within(None, None))
        assert compare(client, live, check.namespace).equal
        trend = read_trending(client, EVENTS.partitions, lambda: last, project=live)
        assert trend == read_trending(client, EVENTS.partitions, lambda: last, project=check.namespace)
        discard(client, check.namespace, time.time)
        assert list(user_ids(client, check.namespace)) == []


def test_an_interval_takes_only_its_events(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, tmp_path: Path
) -> None:
    produce(kafka_bootstrap, topic_prefix, [event(n) for n in range(20)])
    client = redis.Redis.from_url(redis_url)
    again = replaying(client, Lake(str(tmp_path)), kafka_bootstrap, topic_prefix)
    again.run(within(START + timedelta(seconds=5), START + timedelta(seconds=9)))
    row = read_user(client, "u1", project=again.namespace)
    assert [act.item_id for act in row.activity.acts] == ["i5", "i6", "i7", "i8"]


def test_an_empty_interval_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="later than --from"):
        within(START, START)


def test_what_kafka_forgot_comes_from_the_lake_once(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, tmp_path: Path
) -> None:
    from kafka import KafkaConsumer
    from kafka.admin import KafkaAdminClient
    from kafka.structs import TopicPartition

    events = [event(n, user="u1") for n in range(60)]
    produce(kafka_bootstrap, topic_prefix, events)
    places = [TopicPartition(EVENTS.address(topic_prefix), p) for p in range(EVENTS.partitions)]
    reader = KafkaConsumer(bootstrap_servers=kafka_bootstrap)
    reader.assign(places)
    reader.seek_to_beginning(*places)
    messages: list[tuple[bytes, int, int]] = []
    while len(messages) < 60:
        for batch in reader.poll(timeout_ms=1000).values():
            messages += [(m.value, m.partition, m.offset) for m in batch]
    reader.close()
    lake = Lake(str(tmp_path))
    rows, _ = to_rows(FEEDS[0], messages)
    lake.merge("interactions", rows, ("event_id",))
    partition = messages[0][1]
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.delete_records({TopicPartition(EVENTS.address(topic_prefix), partition): 40})
    admin.close()
    client = redis.Redis.from_url(redis_url)
    again = replaying(client, lake, kafka_bootstrap, topic_prefix)
    report = again.run(within(None, None))
    assert (report.from_lake, report.from_kafka) == (40, 20)
    row = read_user(client, "u1", project=again.namespace)
    assert [act.item_id for act in row.activity.acts] == [f"i{n}" for n in range(60)]
    trend = read_trending(client, EVENTS.partitions, lambda: events[-1].timestamp.timestamp(), project=again.namespace)
    assert round(sum(trend.values())) == 60


def test_history_of_an_older_log_comes_from_the_lake(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, tmp_path: Path
) -> None:
    before = [event(n, user=f"u{n % 3}") for n in range(360)]
    after = [event(n, user="u1") for n in range(1000, 1005)]
    lake = Lake(str(tmp_path))
    rows, _ = to_rows(FEEDS[0], [(e.to_payload(), n % 8, n) for n, e in enumerate(before)])
    lake.merge("interactions", rows, TABLES["interactions"].key)
    produce(kafka_bootstrap, topic_prefix, after)
    client = redis.Redis.from_url(redis_url)
    again = replaying(client, lake, kafka_bootstrap, topic_prefix)
    report = again.run(within(None, None))
    assert (report.from_lake, report.from_kafka, report.users) == (360, 5, 3)
    for number in range(3):
        mine = [e.item_id for e in [*before, *after] if e.user_id == f"u{number}"]
        row = read_user(client, f"u{number}", project=again.namespace)
        assert [act.item_id for act in row.activity.acts] == mine[-100:]
        assert {item for item, _ in row.seen.days} == set(mine)
    trend = read_trending(client, EVENTS.partitions, lambda: after[-1].timestamp.timestamp(), project=again.namespace)
    assert sum(trend.values()) == pytest.approx(365, rel=0.01)
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time) as (metrics, _):
        wait_until(lambda: metrics.registry.get_sample_value("headwater_consumer_events_total") == 5)
    swap(client, topic_prefix, again.namespace, time.time)
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time):
        produce(kafka_bootstrap, topic_prefix, [event(2000, user="u1")])
        wait_until(lambda: read_user(client, "u1", project=topic_prefix).activity.acts[-1].item_id == "i2000")
    trend = read_trending(client, EVENTS.partitions, lambda: after[-1].timestamp.timestamp(), project=topic_prefix)
    assert trend["i2000"] > 0


def test_a_user_that_only_live_has_is_a_difference(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, tmp_path: Path
) -> None:
    produce(kafka_bootstrap, topic_prefix, [event(n) for n in range(5)])
    client = redis.Redis.from_url(redis_url)
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time):
        wait_until(lambda: len(read_user(client, "u1", project=topic_prefix).activity.acts) == 5)
    again = replaying(client, Lake(str(tmp_path)), kafka_bootstrap, topic_prefix)
    again.run(within(None, None))
    assert compare(client, topic_prefix, again.namespace).equal
    client.delete(encode_entity_key(again.namespace, {"user_id": "u1"}))
    found = compare(client, topic_prefix, again.namespace)
    assert (found.lost, found.examples, found.equal) == (1, ["u1"], False)


def test_a_replay_leaves_out_what_came_before_a_user_was_erased(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, tmp_path: Path
) -> None:
    gone = f"gone-{topic_prefix}"
    lake = Lake(str(tmp_path))
    older, imported = [event(n, user=gone) for n in range(3)], [event(n, user=gone) for n in range(3, 6)]
    rows, _ = to_rows(FEEDS[0], [(e.to_payload(), n, 900) for n, e in enumerate([*older, *imported])])
    sources = pa.array(["stream"] * 3 + ["import"] * 3)
    rows = rows.set_column(rows.column_names.index("source"), "source", sources)
    lake.merge("interactions", rows, TABLES["interactions"].key)
    produce(kafka_bootstrap, topic_prefix, [event(n, user=gone) for n in range(6, 12)])
    client = redis.Redis.from_url(redis_url)
    remember(client, {digest(gone): event(9).received_at.timestamp()})
    again = replaying(client, lake, kafka_bootstrap, topic_prefix)
    again.run(within(None, None))
    row = read_user(client, gone, project=again.namespace)
    assert [act.item_id for act in row.activity.acts] == ["i10", "i11"]
    trend = read_trending(client, EVENTS.partitions, lambda: START.timestamp(), project=again.namespace)
    assert trend.keys() == {"i10", "i11"}
