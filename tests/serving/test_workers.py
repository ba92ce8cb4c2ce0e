"""Two worker processes are one service: one limit, one set of figures, a stop that drains, a crash that is mended."""

import gc
import json
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from kafka import KafkaConsumer
from prometheus_client.mmap_dict import MmapedDict

from contracts.settings import Settings
from serving.auth.issuer import Issuer
from serving.auth.scopes import CATALOGUE_WRITE, RECOMMENDATIONS_READ
from serving.gateway.rate_limit import WINDOW_SECONDS
from stack.composition import stack_environment
from stack.preflight import free_ports
from stack.process import running
from stack.servers.headwater import gateway
from tests.serving.conftest import World
from tests.serving.running import wait_until

HOST = "127.0.0.1"
WORKERS, CLIENTS, USER_RATE = 2, 8, 2
LEFT_BEHIND = 60
"""Files of impressions that a dead process left, for both workers to take over at once."""


@dataclass
class Service:
    """The gateway's parent process and what its clients know of it."""

    settings: Settings
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.settings.gateway_port}"

    @property
    def headers(self) -> dict[str, str]:
        issuer = Issuer(self.settings.home, self.settings.issuer, self.settings.audience, time.time)
        return {"Authorization": f"Bearer {issuer.token('tester', [RECOMMENDATIONS_READ, CATALOGUE_WRITE])}"}

    @property
    def folder(self) -> Path:
        return self.settings.home / "gateway" / "metrics"

    def workers(self) -> list[psutil.Process]:
        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # killed, or reaped since they were listed
                if any("spawn_main" in part for part in child.cmdline()):
                    found.append(child)
        return found

    def counting(self) -> list[psutil.Process]:
        """The workers that have come as far as to count something."""
        return [worker for worker in self.workers() if (self.folder / f"counter_{worker.pid}.db").exists()]

    def answered_by(self, pid: int) -> int:
        """Requests for recommendations that one worker has counted."""
        values = MmapedDict.read_all_values_from_file(str(self.folder / f"counter_{pid}.db"))  # type: ignore[no-untyped-call]
        of_route = (value for key, value, *_ in values if "requests_total" in key and "/v1/recommendations" in key)
        return int(sum(of_route))

    def metric(self, name: str, *parts: str) -> float:
        """The sum of a metric's samples whose labels hold all ``parts``, as it is scraped."""
        page = httpx.get(f"http://{HOST}:{self.settings.gateway_metrics_port}/metrics", trust_env=False).text
        lines = (line for line in page.splitlines() if line.startswith(name) and all(part in line for part in parts))
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.fixture
def service(world: World, tmp_path: Path) -> Iterator[Service]:
    port, metrics_port = free_ports(HOST, 2)
    given = world.configuration
    settings = Settings(
        home=tmp_path,
        gateway_port=port,
        gateway_metrics_port=metrics_port,
        gateway_workers=WORKERS,
        rate_user_per_second=USER_RATE,
        rate_client_per_second=5000,
        request_deadline_ms=5000,
        releases=given.releases,
        redis_url=given.redis_url,
        database_url=given.database_url,
        kafka_bootstrap=given.kafka_bootstrap,
        topic_prefix=given.topic_prefix,
        model_server=given.model_server,
    )
    leave_impressions(tmp_path / "gateway" / "impressions")
    server = gateway(HOST, port, metrics_port, stack_environment(settings))
    with running(server, tmp_path / "logs") as process:
        one = Service(settings, process)
        wait_until(lambda: len(one.counting()) == WORKERS, 60)
        yield one


def leave_impressions(folder: Path) -> None:
    folder.mkdir(parents=True)
    row = {"user_id": "u", "item_id": "i1", "timestamp": "2026-11-20T00:00:00Z", "release": "r", "position": 1}
    for n in range(LEFT_BEHIND):
        content = json.dumps(row | {"request_id": f"left-{n}"})
        (folder / f"{uuid.uuid4().hex}.spilled").write_text(content + "\n")


def ask(service: Service, user_id: str) -> httpx.Response:
    """On a connection of its own, so that either worker may take it."""
    question = {"user_id": user_id, "count": "2"}
    return httpx.get(
        f"{service.url}/v1/recommendations", params=question, headers=service.headers, timeout=30, trust_env=False
    )


def until_both_answered(service: Service, answered: Callable[[], object]) -> None:
    """Repeats the work until each of the workers has done some of it."""

    def done() -> bool:
        answered()
        return all(service.answered_by(one.pid) for one in service.workers())

    wait_until(done, 60)


def test_two_workers_add_up_and_share_one_limit(service: Service, world: World) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses: Counter[int] = Counter()

        def spread() -> None:
            users = [f"u{n}" for n in range(CLIENTS)]
            statuses.update(one.status_code for one in pool.map(lambda user: ask(service, user), users))
            time.sleep(1 / USER_RATE)

        until_both_answered(service, spread)
        assert set(statuses) == {200}
        parts = [service.answered_by(one.pid) for one in service.workers()]
        assert service.metric("headwater_requests_total", '"/v1/recommendations"') == sum(parts) == statuses[200]

        begun = time.monotonic()
        answers = list(pool.map(lambda _: ask(service, "busy"), range(10 * USER_RATE)))
        windows = 1 + (time.monotonic() - begun) // WINDOW_SECONDS
    limited = Counter(one.status_code for one in answers)
    assert set(limited) == {200, 429}
    assert 2 * USER_RATE <= limited[200] <= 2 * USER_RATE * windows
    assert service.metric("headwater_rate_limited_total", '"user"') == limited[429]
    assert service.metric("headwater_rate_limit_fallback_total") == 0

    wait_until(lambda: service.metric("headwater_impression_spilled_bytes") == 0, 60)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(30) == 0
    wanted = {f"left-{n}" for n in range(LEFT_BEHIND)}
    wanted |= {one.json()["request_id"] for one in answers if one.status_code == 200}
    assert wanted <= sent_impressions(world)


def sent_impressions(world: World) -> set[str]:
    """Request ids in the topic of impressions."""
    consumer = KafkaConsumer(
        f"{world.configuration.topic_prefix}impressions",
        bootstrap_servers=world.configuration.kafka_bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=3_000,
    )
    found = {json.loads(record.value)["request_id"] for record in consumer}
    consumer.close()
    return found


def test_a_stop_answers_every_request_that_had_begun(service: Service) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in service.headers.items())
    head = f"POST /v1/rank HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n{head}"
    bodies = [json.dumps({"user_id": f"u{n}", "items": ["i1", "i2"]}).encode() for n in range(CLIENTS)]
    address = (HOST, service.settings.gateway_port)
    open_ones = [socket.create_connection(address, 30) for _ in range(CLIENTS)]
    for one, body in zip(open_ones, bodies, strict=True):
        one.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:10])
    wait_until(lambda: sum(len(taken(worker, address[1])) for worker in service.workers()) == CLIENTS)
    time.sleep(0.5)
    service.process.send_signal(signal.SIGTERM)
    time.sleep(2.0)
    assert service.process.poll() is None
    for one, body in zip(open_ones, bodies, strict=True):
        one.sendall(body[10:])
    answers = [one.makefile("rb").read() for one in open_ones]
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * CLIENTS
    assert service.process.wait(30) == 0
    for one in open_ones:
        one.close()


def taken(worker: psutil.Process, port: int) -> list[object]:
    connections = worker.net_connections("tcp")
    return [one for one in connections if one.status == "ESTABLISHED" and one.laddr.port == port]


@pytest.mark.filterwarnings("ignore:unclosed <socket")  # httpx leaves that of a connection that broke as it was made
def test_a_killed_worker_is_replaced_and_costs_only_what_it_held(service: Service) -> None:
    stopping, statuses, broken = threading.Event(), Counter[int](), Counter[str]()

    def load(number: int) -> None:
        for n in range(100_000):
            if stopping.is_set():
                return
            try:
                statuses.update([ask(service, f"u{number}-{n}").status_code])
            except httpx.TransportError as error:
                broken.update([type(error).__name__])

    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(CLIENTS):
            pool.submit(load, number)
        try:
            until_both_answered(service, lambda: None)
            victim, survivor = service.workers()
            victim.kill()
            wait_until(lambda: victim.pid not in {one.pid for one in service.workers()}, 60)
            wait_until(lambda: len(service.counting()) == WORKERS, 60)
            (replacement,) = {one.pid for one in service.workers()} - {survivor.pid}
            wait_until(lambda: service.answered_by(replacement) > 0, 60)
        finally:
            stopping.set()
    gc.collect()
    assert set(statuses) == {200}
    assert broken.total() <= CLIENTS
    assert service.metric("headwater_requests_total", '"/v1/recommendations"') >= statuses[200]
    assert not list(service.folder.glob(f"gauge_live*_{victim.pid}.db"))


def test_an_item_put_by_one_worker_is_known_to_all_before_it_is_told(service: Service) -> None:
    until_both_answered(service, lambda: ask(service, "anybody"))
    reached = service.settings.home / "gateway" / "workers"
    last = -1
    for n in range(8):
        url = f"{service.url}/v1/items/put-{n}"
        put = httpx.put(url, json={"category": ["sport"]}, headers=service.headers, timeout=30, trust_env=False)
        offsets = {int(path.read_text() or -1) for path in reached.iterdir()}
        assert put.status_code == 201
        assert max(offsets) > last  # the other worker's; the one that was asked took the change in by itself
        last = max(offsets)
        found = [httpx.get(f"{url}/similar", headers=service.headers, timeout=30, trust_env=False) for _ in range(6)]
        assert {one.status_code for one in found} == {200}


def test_workers_end_with_a_parent_that_is_killed(service: Service) -> None:
    workers = service.workers()
    assert len(workers) == WORKERS
    service.process.kill()
    service.process.wait(30)
    gone, alive = psutil.wait_procs(workers, 30)
    assert (len(gone), alive) == (WORKERS, [])
