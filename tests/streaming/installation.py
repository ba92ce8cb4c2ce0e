"""The servers that events pass through, each a process that can be killed and started again, and a client that never
gives up an event and remembers every one that was acknowledged."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import redis

from contracts.settings import PORT_OFFSETS, Settings
from feature_repo.redis_reader import read_users
from lake.store import Lake
from serving.auth.issuer import Issuer
from stack.composition import compose, stack_environment
from stack.preflight import free_ports
from stack.process import running

HOST = "127.0.0.1"
SERVERS = ("redis", "postgres", "kafka", "gateway", "consumer")
BATCH, BATCHES_A_SECOND = 20, 10
USERS = 200
"""So many that nobody's history is full: what was acknowledged can be counted in it."""


class Installation:
    """Redis, PostgreSQL, Kafka, gateway and consumer in ``home``; ``stop`` ends all of them."""

    def __init__(self, home: Path) -> None:
        ports = dict(zip(PORT_OFFSETS, free_ports(HOST, len(PORT_OFFSETS)), strict=True))
        self.settings = Settings.model_validate({"home": home, **ports})
        self._servers = {server.name: server for wave in compose(self.settings) for server in wave}
        self._open: dict[str, ExitStack] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Starts servers one after another and waits until each is healthy."""
        for name in names:
            self._open[name] = ExitStack()
            context = running(self._servers[name], self.settings.home / "logs")
            self._processes[name] = self._open[name].enter_context(context)

    def kill(self, *names: str) -> None:
        """SIGKILL to the process groups, all before any is waited for."""
        for name in names:
            self.signal(name, signal.SIGKILL)
        for name in names:
            self._open.pop(name).close()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to a server's process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._processes[name].pid, number)

    def stop(self) -> None:
        """Stops what runs, the last started first."""
        for name in reversed(list(self._open)):
            self._open.pop(name).close()

    def sink(self) -> "subprocess.Popen[bytes]":
        """``headwater stream sink``, as a process group of its own."""
        command = [sys.executable, "-m", "cli", "stream", "sink"]
        environment = os.environ | stack_environment(self.settings)
        with (self.settings.home / "logs" / "sink.log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def online(self) -> Counter[str]:
        """How often each event's item stands in the histories of all users."""
        with redis.Redis.from_url(self.settings.redis_url) as client:
            rows = read_users(client, [f"u{n}" for n in range(USERS)])
        return Counter(act.item_id for row in rows for act in row.activity.acts)

    def stored(self) -> Counter[str]:
        """How often each event stands in the lake."""
        ids = Lake(self.settings.lake).read("interactions", ["event_id"])["event_id"]
        return Counter(ids.to_pylist())


@contextmanager
def installed(home: Path) -> Iterator[Installation]:
    """Everything up, and down at the end."""
    installation = Installation(home)
    try:
        installation.start(*SERVERS)
        yield installation
    finally:
        installation.stop()


class Client:
    """Sends 200 events a second in lists of 20, item and event id of the same number. What is not answered 202 is sent
    again with the same ids, until it is; only a test that failed stops it before."""

    def __init__(self, settings: Settings) -> None:
        self._token = Issuer(settings.home, settings.issuer, settings.audience, settings.now()).token("faithful")
        self._url = f"http://{HOST}:{settings.gateway_port}"
        self._stopping = threading.Event()
        self._failed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="client")
        self.acknowledged: set[str] = set()
        self.refused: Counter[int] = Counter()

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopping.set()
        if kind is not None:
            self._failed.set()
        self._thread.join()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        with httpx.Client(base_url=self._url, headers=headers, timeout=10, trust_env=False) as client:
            number, due = 0, time.monotonic()
            while not self._stopping.is_set():
                due = max(due + 1 / BATCHES_A_SECOND, time.monotonic() - 1.0)
                numbers = range(number, number + BATCH)
                self._deliver(client, numbers)
                self.acknowledged |= {f"i{n}" for n in numbers}
                number += BATCH
                time.sleep(max(0.0, due - time.monotonic()))

    def _deliver(self, client: httpx.Client, numbers: Sequence[int]) -> None:
        events = [
            {"user_id": f"u{n % USERS}", "item_id": f"i{n}", "action": "click", "event_id": f"i{n}"} for n in numbers
        ]
        while not self._failed.is_set():
            try:
                status = client.post("/v1/events", json=events).status_code
            except httpx.TransportError:
                status = 0
            if status == 202:
                return
            assert status == 0 or status >= 500, f"the gateway refused good events: {status}"
            self.refused[status] += 1
            time.sleep(0.2)
