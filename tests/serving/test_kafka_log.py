"""The producer against a real broker, also one that stops answering while records are under way."""

import gc
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.partitioner.default import murmur2

from contracts.errors import InvalidInputError, UnavailableError
from contracts.topics import EVENTS, IMPRESSIONS
from serving.kafka_log import LARGEST_BYTES, KafkaLog
from stack.preflight import free_ports
from stack.process import running
from stack.servers.kafka import kafka_server

HOST, PREFIX = "127.0.0.1", "frozen."


@pytest.fixture
def connected(kafka_bootstrap: str, topic_prefix: str) -> Iterator[KafkaLog]:
    one = KafkaLog(kafka_bootstrap, topic_prefix)
    one.start()
    assert one.wait_until_up(30)
    yield one
    one.stop()


def test_a_key_gets_the_partition_that_every_other_client_gives_it(
    connected: KafkaLog, kafka_bootstrap: str, topic_prefix: str
) -> None:
    keys = [f"u{n}".encode() for n in range(60)]
    connected.append(EVENTS, [(key, b"{}") for key in keys])
    topic = EVENTS.address(topic_prefix)
    consumer = KafkaConsumer(bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=3000)
    consumer.assign([TopicPartition(topic, partition) for partition in range(EVENTS.partitions)])
    found = {record.key: record.partition for record in consumer}
    consumer.close()
    assert found == {key: (murmur2(key) & 0x7FFFFFFF) % EVENTS.partitions for key in keys}


def test_a_record_that_is_too_large_is_refused_and_no_outage(connected: KafkaLog) -> None:
    with pytest.raises(InvalidInputError, match=f"body: may have {LARGEST_BYTES} bytes"):
        connected.append(IMPRESSIONS, [(b"u", b" " * LARGEST_BYTES)])
    assert connected.up
    assert connected.append(IMPRESSIONS, [(b"u", b" " * (LARGEST_BYTES - 1000))]) >= 0
    assert connected.append(IMPRESSIONS, []) == -1


def test_a_log_that_is_stopped_while_the_broker_is_frozen_leaves_no_thread(tmp_path: Path) -> None:
    port, controller = free_ports(HOST, 2)
    before = set(threading.enumerate())
    with running(kafka_server(tmp_path, HOST, port, controller, PREFIX), tmp_path / "logs") as process:
        log = KafkaLog(f"{HOST}:{port}", PREFIX, ack_seconds=5.0, retry_seconds=60.0)
        log.start()
        assert log.wait_until_up(30)
        log.append(IMPRESSIONS, [(b"u", b"{}")])
        process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(UnavailableError):
                log.append(IMPRESSIONS, [(b"u", b"{}")])
            log.stop(0.2)
            end = time.monotonic() + 30
            while set(threading.enumerate()) - before and time.monotonic() < end:
                time.sleep(0.1)
            assert set(threading.enumerate()) - before == set()
        finally:
            process.send_signal(signal.SIGCONT)
    gc.collect()
