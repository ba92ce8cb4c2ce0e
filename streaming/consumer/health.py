"""The consumer's own small HTTP server: /healthz, /readyz and /metrics."""

import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

STUCK_SECONDS = 30.0
"""A loop that did not come round for so long is dead, whatever the process says."""


@dataclass
class Health:
    """What the loop reports: when it last came round, whether it has joined the group, and its present fault."""

    beat: float = field(default_factory=time.monotonic)
    joined: bool = False
    fault: str | None = None

    def alive(self) -> bool:
        """Whether the loop comes round."""
        return time.monotonic() - self.beat < STUCK_SECONDS

    def ready(self) -> bool:
        """Whether events are being applied."""
        return self.alive() and self.joined and self.fault is None


class HealthServer:
    """Serves in a thread of its own; stop it at the end."""

    def __init__(self, host: str, port: int, health: Health, registry: CollectorRegistry) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_LATEST)
                elif self.path in ("/healthz", "/readyz"):
                    good = health.alive() if self.path == "/healthz" else health.ready()
                    status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
                    self._answer(status, (health.fault or ("ok" if good else "starting")).encode(), "text/plain")
                else:
                    self._answer(HTTPStatus.NOT_FOUND, b"not found", "text/plain")

            def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Probes are not logged."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stops answering and frees the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
