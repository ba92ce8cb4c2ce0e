"""Every embedded server starts on a free port, answers in its own protocol, and is gone afterwards."""

import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer

from contracts.errors import HeadwaterError
from contracts.topics import EVENTS
from stack.health import kafka_answers, postgres_answers, redis_answers
from stack.process import running
from stack.server import Server
from stack.servers.postgres import USER, postgres_server
from stack.servers.redis import redis_server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def test_redis_appends_to_a_file_and_is_empty_for_a_test(clean_redis: str) -> None:
    with redis.Redis.from_url(clean_redis) as client:
        assert client.dbsize() == 0
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_postgres_is_version_18_with_a_database_for_each_user_of_it(postgres_address: str) -> None:
    host, port = postgres_address.split(":")
    with psycopg2.connect(host=host, port=port, user=USER, dbname="headwater") as connection:
        assert connection.server_version // 10000 == 18
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            assert {"headwater", "airflow", "mlflow"} <= {row[0] for row in cursor.fetchall()}
    connection.close()


def test_postgres_keeps_its_rows_over_a_restart_in_a_folder_closed_to_others(tmp_path: Path) -> None:
    home = tmp_path / "closed"
    home.mkdir(mode=0o700)
    port = free_port()
    for expected in (None, 7):
        with running(postgres_server(home, HOST, port), home / "logs"):
            connection = psycopg2.connect(host=HOST, port=port, user=USER, dbname="headwater")
            connection.autocommit = True
            with connection.cursor() as cursor:
                if expected is None:
                    cursor.execute("CREATE TABLE kept AS SELECT 7 AS value")
                else:
                    cursor.execute("SELECT value FROM kept")
                    assert cursor.fetchone() == (expected,)
            connection.close()
        assert not postgres_answers(HOST, port, USER)


def test_kafka_delivers_what_it_acknowledged(kafka_bootstrap: str, topic_prefix: str) -> None:
    host, port = kafka_bootstrap.split(":")
    assert kafka_answers(host, int(port))
    topic = EVENTS.address(topic_prefix)
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all")
    producer.send(topic, b"payload", key=b"user").get(timeout=10)
    producer.close()
    consumer = KafkaConsumer(
        topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    assert next(iter(consumer)).value == b"payload"
    assert len(consumer.partitions_for_topic(topic)) == EVENTS.partitions
    consumer.close()


def test_mlflow_answers_on_loopback(mlflow_url: str) -> None:
    with urllib.request.urlopen(f"{mlflow_url}/version", timeout=5) as response:
        assert response.read().decode().startswith("3.")


def test_spark_counts(spark: "SparkSession") -> None:
    assert spark.range(10).count() == 10


def test_a_server_that_ends_at_once_is_reported_with_its_last_line(tmp_path: Path) -> None:
    failing = Server(
        name="failing",
        command=("/bin/sh", "-c", "echo disk on fire; exit 3"),
        address="",
        ports=(),
        healthy=lambda _started: False,
    )
    with pytest.raises(HeadwaterError, match="status 3: disk on fire"), running(failing, tmp_path):
        pass


def test_nothing_of_the_process_group_is_left(tmp_path: Path) -> None:
    marker = f"sleep 98.{free_port()}"
    forking = Server(
        name="forking",
        command=("/bin/sh", "-c", f"{marker} & echo; {marker}"),
        address="",
        ports=(),
        healthy=lambda _started: True,
        stop_seconds=1,
    )
    with running(forking, tmp_path):
        pass
    assert subprocess.run(["pgrep", "-f", marker], capture_output=True, check=False).stdout == b""


def test_a_used_port_ends_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind((HOST, 0))
        held.listen()
        port = int(held.getsockname()[1])
        server = redis_server(tmp_path, HOST, port)
        with pytest.raises(HeadwaterError, match="redis ended with status"), running(server, tmp_path / "logs"):
            pass
        assert not redis_answers(HOST, port)
