"""Real faults, a real Prometheus with the rules of production, and what it tells whoever listens.

Only time is shorter here: scrapes and evaluations every second, and the rules' minutes are seconds.
"""

import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml

from stack.process import running as running_process
from stack.server import Server
from stack.servers.headwater import consumer, model_server
from tests.serving.conftest import WithChanges, World, free_port
from tests.serving.running import wait_until

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"
HOST = "127.0.0.1"


@pytest.fixture
def fired() -> Iterator[tuple[str, set[tuple[str, str]]]]:
    """An address that takes alerts as Alertmanager does, and the (alert, stage) that came."""
    found: set[tuple[str, str]] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
                found.add((alert["labels"]["alertname"], alert["labels"].get("stage", "")))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"{HOST}:{server.server_port}", found
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def prometheus(folder: Path, alertmanager: str, targets: dict[str, str]) -> Iterator[str]:
    """Prometheus on the rules in ``deploy``, in seconds instead of minutes; yields its address."""
    if shutil.which("prometheus") is None:
        reason = "prometheus is missing: install Debian's package prometheus"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    (folder / "rules").mkdir()
    for file in RULES.glob("*.yml"):
        quick = re.sub(r"\[\d+m\]", "[10s]", re.sub(r"(for|interval): \d+[mh]", r"\1: 1s", file.read_text()))
        (folder / "rules" / file.name).write_text(quick)
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"{HOST}:{free_port()}"
    server = Server(
        name="prometheus",
        command=("prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
                 f"--web.listen-address={address}", "--rules.alert.resend-delay=1s"),
        address=address,
        ports=(),
        healthy=lambda _started: httpx.get(f"http://{address}/-/ready").is_success if _listens(address) else False,
    )  # fmt: skip
    with running_process(server, folder / "logs"):
        yield f"http://{address}"


def _listens(address: str) -> bool:
    try:
        httpx.get(f"http://{address}/-/ready", timeout=1)
    except httpx.HTTPError:
        return False
    return True


def value(address: str, query: str) -> float | None:
    """The first sample of an instant query; None where it has none."""
    found = httpx.get(f"{address}/api/v1/query", params={"query": query}).json()["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def quiet(address: str, alert: str) -> bool:
    """Whether the target is up and the alert is not firing."""
    return (
        value(address, "min(up)") == 1 and value(address, f'ALERTS{{alertname="{alert}", alertstate="firing"}}') is None
    )


def environment(world: World, home: Path, **more: str) -> dict[str, str]:
    """The settings of a program on the servers of ``world``."""
    there = world.configuration
    own = {
        "HOME": str(home), "REDIS_URL": there.redis_url, "DATABASE_URL": there.database_url,
        "KAFKA_BOOTSTRAP": there.kafka_bootstrap, "TOPIC_PREFIX": there.topic_prefix,
        "MODEL_SERVER": there.model_server, "RELEASES": str(there.releases), **more,
    }  # fmt: skip
    return {f"HEADWATER_{name}": text for name, text in own.items()}


@pytest.mark.timeout(600)
def test_a_killed_consumer_is_told(world: World, tmp_path: Path, fired: tuple[str, set[tuple[str, str]]]) -> None:
    alertmanager, found = fired
    port = free_port()
    server = consumer(HOST, port, environment(world, tmp_path / "home", CONSUMER_PORT=str(port)))
    with (
        running_process(server, tmp_path / "logs") as process,
        prometheus(tmp_path, alertmanager, {"consumer": f"{HOST}:{port}"}) as watching,
    ):
        wait_until(lambda: quiet(watching, "HeadwaterConsumerDown"), 60)
        found.clear()
        process.send_signal(signal.SIGKILL)
        wait_until(lambda: ("HeadwaterConsumerDown", "") in found, 60)


@pytest.mark.timeout(600)
def test_a_killed_model_server_is_told_by_the_answers_that_go_without_it(
    world: World, with_changes: WithChanges, tmp_path: Path, fired: tuple[str, set[tuple[str, str]]]
) -> None:
    alertmanager, found = fired
    port = free_port()
    address = f"{HOST}:{port}"
    own = environment(world, world.configuration.home, MODEL_SERVER_PORT=str(port))
    with (
        running_process(model_server(address, port, own), tmp_path / "logs") as process,
        with_changes(model_server=address) as gateway,
        prometheus(tmp_path, alertmanager, {"gateway": gateway.url.removeprefix("http://")}) as watching,
    ):

        def answers_are_whole() -> bool:
            whole = "rank" not in gateway.recommend("u")["degraded"]
            return whole and quiet(watching, "HeadwaterDegraded") and bool(value(watching, "headwater:answers:rate"))

        wait_until(answers_are_whole, 120)
        found.clear()
        process.send_signal(signal.SIGKILL)

        def told() -> bool:
            gateway.recommend("u")
            return ("HeadwaterDegraded", "rank") in found

        wait_until(told, 60)
