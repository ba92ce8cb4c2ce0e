"""The producer against a broker that stops answering while records are under way."""

import gc
import signal
import threading
import time
from pathlib import Path

import pytest

from contracts.errors import UnavailableError
from contracts.topics import IMPRESSIONS
from serving.kafka_log import KafkaLog
from stack.preflight import free_ports
from stack.process import running
from stack.servers.kafka import kafka_server

HOST, PREFIX = "127.0.0.1", "frozen."


def test_a_log_that_is_stopped_while_the_broker_is_frozen_leaves_no_thread(tmp_path: Path) -> None:
    port, controller = free_ports(HOST, 2)
    before = set(threading.enumerate())
    with running(kafka_server(tmp_path, HOST, port, controller, PREFIX), tmp_path / "logs") as process:
        log = KafkaLog(f"{HOST}:{port}", PREFIX, ack_seconds=1.0, retry_seconds=60.0)
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
