"""An event in Kafka becomes the user's online row, whatever order it comes in and however often."""

import random
import time
from typing import Any

import pytest
import redis

from contracts.events import Action, DeadLetter, Event
from contracts.topics import DEAD_LETTERS, EVENTS
from feature_repo.redis_reader import UserRow, read_trending, read_user
from streaming.dead_letters import DeadLetterBox
from tests.streaming.running import consuming, event, produce, wait_until


@pytest.fixture
def client(redis_url: str) -> "redis.Redis[bytes]":
    return redis.Redis.from_url(redis_url)


def clicked(row: UserRow) -> list[str]:
    return [act.item_id for act in row.activity.acts]


def test_events_become_history_seen_counters_and_trending(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, client: "redis.Redis[bytes]"
) -> None:
    events = [event(n, action=Action.PURCHASE if n == 3 else Action.CLICK) for n in range(5)]
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time) as (metrics, health):
        produce(kafka_bootstrap, topic_prefix, events)
        wait_until(lambda: len(read_user(client, "u1", project=topic_prefix).activity.acts) == 5)
        wait_until(health.ready)
        row = read_user(client, "u1", project=topic_prefix)
        assert clicked(row) == ["i0", "i1", "i2", "i3", "i4"]
        assert row.seen.days[("i3", 3)] == int(events[3].timestamp.timestamp() // 86400)
        assert row.age_seconds(events[-1].timestamp.timestamp() + 30) == pytest.approx(30, abs=0.01)
        wait_until(lambda: metrics.registry.get_sample_value("headwater_consumer_events_total") == 5)
    trend = read_trending(client, EVENTS.partitions, lambda: events[-1].timestamp.timestamp(), project=topic_prefix)
    assert trend.keys() == {"i0", "i1", "i2", "i3", "i4"}
    assert all(0.99 < score <= 1.001 for score in trend.values())


def test_late_duplicate_and_shuffled_events_end_in_the_row_of_a_clean_run(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, client: "redis.Redis[bytes]"
) -> None:
    randomness = random.Random(5)
    events = [event(n, user=f"u{n % 7}", item=f"i{n % 90}") for n in range(1500)]
    shuffled = events + randomness.sample(events, 300)
    randomness.shuffle(shuffled)
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, batch=64):
        produce(kafka_bootstrap, topic_prefix, shuffled)
        # the newest event of each user may come early: wait for all histories to be the greatest hundred
        expected = {f"u{u}": [e.item_id for e in events if e.user_id == f"u{u}"][-100:] for u in range(7)}
        wait_until(lambda: all(clicked(read_user(client, u, project=topic_prefix)) == h for u, h in expected.items()))


def test_a_second_consumer_shares_the_work_and_nothing_is_lost_when_it_leaves(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, client: "redis.Redis[bytes]"
) -> None:
    users = [f"user{n}" for n in range(40)]
    first = [event(n, user=user) for n in range(5) for user in users]
    second = [event(n, user=user) for n in range(5, 12) for user in users]
    third = [event(n, user=user) for n in range(12, 20) for user in users]

    def all_have(count: int) -> bool:
        return all(len(read_user(client, u, project=topic_prefix).activity.acts) == count for u in users)

    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, batch=16) as (one, _):
        produce(kafka_bootstrap, topic_prefix, first)
        with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time, batch=16) as (other, health):
            produce(kafka_bootstrap, topic_prefix, second)
            wait_until(lambda: all_have(12))
            wait_until(health.ready)
            produce(kafka_bootstrap, topic_prefix, third[:160])
        produce(kafka_bootstrap, topic_prefix, third[160:])
        wait_until(lambda: all_have(20))
        rebalances = [m.registry.get_sample_value("headwater_consumer_rebalances_total") for m in (one, other)]
        assert all(count is not None and count >= 1 for count in rebalances)
    last = max(e.timestamp for e in third).timestamp()
    trend = read_trending(client, EVENTS.partitions, lambda: last, project=topic_prefix)
    assert round(sum(trend.values())) == 20 * len(users)


def test_a_poisoned_message_goes_to_the_dead_letters_and_the_rest_goes_on(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, client: "redis.Redis[bytes]"
) -> None:
    from kafka import KafkaProducer

    good, later = event(1), event(2)
    poison = [b"\xff\x00 no json", b'{"event_id": 1}', b"[]", b"null", b"9" * 5000]
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time) as (metrics, _):
        for payload in [good.to_payload(), *poison, later.to_payload()]:
            producer.send(EVENTS.address(topic_prefix), payload, key=b"u1").get(10)
        wait_until(lambda: clicked(read_user(client, "u1", project=topic_prefix)) == ["i1", "i2"])
        assert metrics.registry.get_sample_value("headwater_consumer_dead_letters_total") == len(poison)
    producer.close()
    box = DeadLetterBox(kafka_bootstrap, topic_prefix)
    letters = [pending.letter for pending in box.pending()]
    box.close()
    assert [letter.offset for letter in letters] == [1, 2, 3, 4, 5]
    assert letters[1].payload == '{"event_id": 1}'
    assert all(letter.topic == EVENTS.address(topic_prefix) and letter.reason for letter in letters)


def test_a_large_poisoned_message_stops_nobody_and_is_sent_again_whole(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, client: "redis.Redis[bytes]"
) -> None:
    from kafka import KafkaConsumer, KafkaProducer
    from kafka.structs import TopicPartition

    large, small = b"\xff" * 900_000, b"\xfe\x00"
    quoted = b"\x01" * 900_000
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time):
        for payload in (large, small, quoted, event(1).to_payload()):
            producer.send(EVENTS.address(topic_prefix), payload, key=b"u1").get(10)
        wait_until(lambda: clicked(read_user(client, "u1", project=topic_prefix)) == ["i1"])
    producer.close()
    box = DeadLetterBox(kafka_bootstrap, topic_prefix)
    letters = [pending.letter for pending in box.pending()]
    assert [(letter.offset, letter.truncated) for letter in letters] == [(0, True), (1, False), (2, True)]
    retried = box.retry()
    box.close()
    assert (retried.sent, retried.lost) == (3, [])
    reader = KafkaConsumer(bootstrap_servers=kafka_bootstrap)
    place = TopicPartition(letters[0].topic, letters[0].partition)
    reader.assign([place])
    reader.seek(place, 4)
    values: list[bytes] = []
    while len(values) < 3:
        values += [message.value for message in reader.poll(timeout_ms=5000)[place]]
    reader.close()
    assert values == [large, small, quoted]


def test_a_large_message_that_left_its_topic_is_named_and_the_others_are_sent(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    from streaming.dead_letters import DeadLetterWriter

    produce(kafka_bootstrap, topic_prefix, [event(1)])
    writer = DeadLetterWriter(kafka_bootstrap, topic_prefix, time.time)
    for offset, payload in ((0, b"\xff" * 900_000), (1, b"{}"), (70, b"9" * 900_000)):
        writer.write("because", EVENTS.address(topic_prefix), 3, offset, payload)
    writer.close()
    box = DeadLetterBox(kafka_bootstrap, topic_prefix)
    retried = box.retry()
    box.close()
    assert (retried.sent, [letter.offset for letter in retried.lost]) == (1, [0, 70])


def test_a_dead_letter_of_the_version_before_is_read() -> None:
    held = (
        b'{"reason":"r","topic":"events","partition":1,"offset":2,"payload":"{\\"a\\": 1}",'
        b'"failed_at":"2026-11-23T12:00:00Z"}'
    )
    letter = DeadLetter.from_payload(held)
    assert (letter.kept, letter.truncated) == (b'{"a": 1}', False)


def test_dead_letters_are_sent_again_once(kafka_bootstrap: str, topic_prefix: str) -> None:
    from kafka import KafkaConsumer
    from kafka.structs import TopicPartition

    from streaming.dead_letters import DeadLetterWriter

    writer = DeadLetterWriter(kafka_bootstrap, topic_prefix, time.time)
    for _ in range(2):  # delivered twice, as after a crash
        writer.write("because", EVENTS.address(topic_prefix), 3, 17, b'{"a": "\xc3\xbc"}')
    writer.close()
    box = DeadLetterBox(kafka_bootstrap, topic_prefix)
    assert box.retry().sent == 1
    assert list(box.pending()) == []
    box.close()
    again = DeadLetterBox(kafka_bootstrap, topic_prefix)
    assert again.retry().sent == 0
    again.close()
    reader = KafkaConsumer(bootstrap_servers=kafka_bootstrap)
    place = TopicPartition(EVENTS.address(topic_prefix), 3)
    reader.assign([place])
    reader.seek_to_beginning(place)
    (message,) = reader.poll(timeout_ms=5000)[place]
    assert message.value == '{"a": "ü"}'.encode()
    assert reader.end_offsets([TopicPartition(DEAD_LETTERS.address(topic_prefix), 0)])
    reader.close()


def test_a_payload_of_another_schema_version_is_read(
    kafka_bootstrap: str, topic_prefix: str, redis_url: str, client: "redis.Redis[bytes]"
) -> None:
    from kafka import KafkaProducer

    newer = event(1).to_payload()[:-1] + b',"invented_later":{"a":[1]}}'
    older = (
        Event.model_validate(event(2).model_dump())
        .model_dump_json(include={"event_id", "user_id", "item_id", "timestamp", "received_at"})
        .encode()
    )
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time):
        for payload in (newer, older):
            producer.send(EVENTS.address(topic_prefix), payload, key=b"u1").get(10)
        wait_until(lambda: clicked(read_user(client, "u1", project=topic_prefix)) == ["i1", "i2"])
    producer.close()


def test_a_consumer_that_is_there_before_its_topics_takes_them_up(
    kafka_bootstrap: str, redis_url: str, client: "redis.Redis[bytes]"
) -> None:
    from stack.servers.kafka import create_topics

    prefix = f"late{time.monotonic_ns()}."
    with consuming(kafka_bootstrap, prefix, redis_url, time.time) as (_, health):
        wait_until(lambda: time.monotonic() - health.beat < 1)
        create_topics(kafka_bootstrap, prefix)
        produce(kafka_bootstrap, prefix, [event(1)])
        wait_until(lambda: clicked(read_user(client, "u1", project=prefix)) == ["i1"])


def test_a_consumer_that_was_given_nothing_joins_again(
    kafka_bootstrap: str,
    topic_prefix: str,
    redis_url: str,
    client: "redis.Redis[bytes]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from kafka.cluster import ClusterMetadata
    from kafka.coordinator.assignors.range import RangePartitionAssignor

    whole, given = RangePartitionAssignor.assign.__func__, []

    def forgetful(cls: Any, cluster: Any, members: Any) -> Any:
        """Gives nothing at first, as when the topic is not known yet."""
        given.append(members)
        return whole(cls, ClusterMetadata() if len(given) <= 2 else cluster, members)

    monkeypatch.setattr(RangePartitionAssignor, "assign", classmethod(forgetful))
    monkeypatch.setattr("streaming.empty_handed.FIRST_SECONDS", 1.0)
    produce(kafka_bootstrap, topic_prefix, [event(1)])
    with consuming(kafka_bootstrap, topic_prefix, redis_url, time.time):
        wait_until(lambda: clicked(read_user(client, "u1", project=topic_prefix)) == ["i1"])
    assert len(given) > 2
