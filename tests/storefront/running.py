"""The storefront behind real HTTP, and the consumer that turns its events into profiles."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from serving.auth.scopes import EVENTS_WRITE, RECOMMENDATIONS_READ
from serving.gateway.configuration import Configuration
from storefront import app
from storefront.credentials import ClientCredentials
from storefront.public_api import PublicApi
from tests.serving.conftest import free_port
from tests.serving.running import ROOT, RunningGateway, wait_until

CLIENT = "storefront"


def credentials(gateway: RunningGateway) -> ClientCredentials:
    """What ``headwater up`` gives to the storefront: a client of the embedded issuer with the two scopes it needs."""
    known = gateway.gateway.issuer.clients.register(CLIENT, (RECOMMENDATIONS_READ, EVENTS_WRITE))
    return ClientCredentials(f"{gateway.url}/oauth/token", known.client_id, known.client_secret)


@contextmanager
def running_storefront(gateway_url: str, auth: ClientCredentials) -> Iterator[str]:
    """The storefront in a thread; its address."""
    port = free_port()
    application = app.create(PublicApi(gateway_url, auth), ["127.0.0.1"])
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def running_consumer(configuration: Configuration, home: Path) -> Iterator[None]:
    """``python -m streaming.consumer`` on the servers of a gateway."""
    port = free_port()
    told = {
        "HOME": home,
        "CONSUMER_PORT": port,
        "RELEASES": configuration.releases,
        "REDIS_URL": configuration.redis_url,
        "DATABASE_URL": configuration.database_url,
        "KAFKA_BOOTSTRAP": configuration.kafka_bootstrap,
        "TOPIC_PREFIX": configuration.topic_prefix,
        "MODEL_SERVER": configuration.model_server,
    }
    environment = {**os.environ, **{f"HEADWATER_{name}": str(value) for name, value in told.items()}}
    log = home / "consumer.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streaming.consumer"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            wait_until(lambda: _answers(process, f"http://127.0.0.1:{port}/readyz", log), seconds=60)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _answers(process: "subprocess.Popen[bytes]", url: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return httpx.get(url).is_success
    except httpx.ConnectError:
        return False
