"""The consumer with HEADWATER_STREAM_ENGINE=flink: one program to start, watch and stop, as with its own loop."""

import signal
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
import redis

from feature_repo.online import PROJECT
from feature_repo.redis_reader import read_user
from stack.flink import install
from stack.preflight import free_ports
from streaming.flink.environment import FOLDER
from streaming.partition_state import read_waiting
from tests.conftest import HOST
from tests.streaming.running import consumer_process, event, produce, roll_back, snapshot, wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]


def test_the_consumer_runs_watches_and_ends_the_job(
    environment: dict[str, str], kafka_bootstrap: str, topic_prefix: str, clean_redis: str, tmp_path: Path
) -> None:
    install(FOLDER, print)
    client = redis.Redis.from_url(clean_redis)
    (port,) = free_ports(HOST, 1)
    chosen = environment | {"HEADWATER_STREAM_ENGINE": "flink", "HEADWATER_FLINK_PORT": str(port)}
    pages = f"http://{HOST}:{environment['HEADWATER_CONSUMER_PORT']}"

    def metrics() -> str:
        return str(urlopen(f"{pages}/metrics", timeout=10).read().decode())

    def acts() -> int:
        return len(read_user(client, "u1", project=PROJECT).activity.acts)

    with consumer_process(chosen, tmp_path / "consumer.log") as process:
        wait_until(lambda: _text(f"{pages}/readyz") == "ok", 300)
        produce(kafka_bootstrap, topic_prefix, [event(n) for n in range(20)])
        wait_until(lambda: acts() == 20)
        held = snapshot(client, PROJECT)
        produce(kafka_bootstrap, topic_prefix, [event(n) for n in range(20, 30)])
        wait_until(lambda: acts() == 30)
        wait_until(lambda: "headwater_consumer_events_total 30.0" in metrics())
        roll_back(client, PROJECT, held)
        assert acts() == 20
        wait_until(lambda: acts() == 30, 300)
        assert metrics().count("headwater_consumer_lag{") == 8
        assert any(read_waiting(client, partition, project=PROJECT) == ["u1"] for partition in range(8))
        descendants = psutil.Process(process.pid).children(recursive=True)
        assert descendants
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    _, left = psutil.wait_procs(descendants, 20)
    assert left == []


def _text(address: str) -> str:
    """The page, empty where nobody answers or the answer is an error."""
    try:
        with urlopen(address, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
