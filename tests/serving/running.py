"""Real servers of this room for tests: the model server in a process, the gateway in a thread."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import uvicorn
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.auth.scopes import SCOPES
from serving.gateway import app
from serving.gateway.configuration import Configuration
from serving.gateway.service import Gateway

ROOT = Path(__file__).parents[2]


@contextmanager
def model_server(home: Path, port: int) -> Iterator[str]:
    """``python -m serving.model_server`` until it says that it serves."""
    environment = {**os.environ, "HEADWATER_HOME": str(home), "HEADWATER_MODEL_SERVER_PORT": str(port)}
    log = (home / "model-server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.model_server"], cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    address = f"127.0.0.1:{port}"
    try:
        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for _ in range(1200):
                assert process.poll() is None, (home / "model-server.log").read_text()
                try:
                    if stub.Check(health_pb2.HealthCheckRequest(), timeout=1).status == 1:
                        break
                except grpc.RpcError:
                    time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)
        log.close()


class RunningGateway:
    """A gateway behind real HTTP, with tokens of its own issuer."""

    def __init__(self, gateway: Gateway, url: str) -> None:
        self.gateway = gateway
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=20)

    def token(self, *scopes: str, **options: Any) -> str:
        return self.gateway.issuer.token("tester", scopes or SCOPES, **options)

    def headers(self, *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(*scopes)}"}

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, headers=self.headers(), **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.client.post(path, headers=self.headers() | options.pop("headers", {}), **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.client.put(path, headers=self.headers(), **options)

    def delete(self, path: str) -> httpx.Response:
        return self.client.delete(path, headers=self.headers())

    def recommend(self, user_id: str, **parameters: Any) -> dict[str, Any]:
        answer = self.get("/v1/recommendations", params={"user_id": user_id, **parameters})
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content


@contextmanager
def running_gateway(configuration: Configuration, port: int, *, ready: bool = True) -> Iterator[RunningGateway]:
    """The gateway in a thread, ready (a release in force) unless told otherwise."""
    gateway = Gateway(configuration)
    server = uvicorn.Server(
        uvicorn.Config(app.create(gateway), host="127.0.0.1", port=port, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    running = RunningGateway(gateway, f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: server.started)
        if ready:
            wait_until(lambda: gateway.keeper.ready, seconds=60)
        yield running
    finally:
        running.client.close()
        server.should_exit = True
        thread.join(20)


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    """Waits for a condition; fails the test when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)
