"""Topics exist as declared; a change that would lose order is refused."""

import dataclasses

import pytest

from contracts.errors import ConflictError, UnavailableError
from contracts.topics import EVENTS, SEGMENT_MS, TOPICS
from streaming.topics import ensure_topics


def test_topics_are_created_once_and_found_again(kafka_bootstrap: str, topic_prefix: str) -> None:
    from kafka.admin import KafkaAdminClient

    ensure_topics(kafka_bootstrap, f"{topic_prefix}new.")
    ensure_topics(kafka_bootstrap, f"{topic_prefix}new.")
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    described = admin.describe_topics([t.address(f"{topic_prefix}new.") for t in TOPICS])
    admin.close()
    found = {topic["name"]: len(topic["partitions"]) for topic in described}
    assert found == {topic.address(f"{topic_prefix}new."): topic.partitions for topic in TOPICS}


def test_segments_end_after_a_day(kafka_bootstrap: str, topic_prefix: str) -> None:
    from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

    ensure_topics(kafka_bootstrap, topic_prefix)
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    name = EVENTS.address(topic_prefix)
    found = str(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name, ["segment.ms"])]))
    admin.close()
    assert str(SEGMENT_MS) in found


def test_another_number_of_partitions_is_refused(kafka_bootstrap: str, topic_prefix: str) -> None:
    changed = dataclasses.replace(EVENTS, partitions=EVENTS.partitions + 1)
    with pytest.raises(ConflictError, match=r"8 partitions, declared are 9.*order"):
        ensure_topics(kafka_bootstrap, topic_prefix, topics=[changed])


def test_a_broker_that_is_not_there_has_a_name() -> None:
    with pytest.raises(UnavailableError, match="Kafka is unavailable"):
        ensure_topics("127.0.0.1:9", "x.")
