"""``/metrics``, ``/healthz`` and ``/readyz`` on an address of their own, for all workers together."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from prometheus_client import CONTENT_TYPE_LATEST

from serving.gateway import metrics

READY_SECONDS = 2.0


class ObservationServer:
    """A small HTTP server in a thread of the parent process."""

    def __init__(self, host: str, port: int, gateway_port: int, folder: Path, home: Path) -> None:
        self._address = (host, port)
        self._folder = folder
        self._home = home
        self._ready = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{gateway_port}/readyz"
        self._client = httpx.Client(timeout=READY_SECONDS, trust_env=False)
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Begins to answer. Raises OSError when the port is taken."""
        folder, home, ready = self._folder, self._home, self._ready
        client = self._client

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                match self.path.partition("?")[0]:
                    case "/metrics":
                        self._reply(200, metrics.exposition(folder, home), CONTENT_TYPE_LATEST)
                    case "/healthz":
                        self._reply(200, b'{"status":"ok"}', "application/json")
                    case "/readyz":
                        try:
                            answer = client.get(ready)
                            self._reply(answer.status_code, answer.content, answer.headers["content-type"])
                        except httpx.HTTPError:
                            self._reply(
                                503, b'{"title":"Service Unavailable","status":503}', "application/problem+json"
                            )
                    case _:
                        self._reply(404, b'{"title":"Not Found","status":404}', "application/problem+json")

            def do_POST(self) -> None:
                self._reply(405, b'{"title":"Method Not Allowed","status":405}', "application/problem+json")

            do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815

            def _reply(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing: scrapes are no news."""

        self._server = ThreadingHTTPServer(self._address, Handler)
        threading.Thread(target=self._server.serve_forever, name="observation", daemon=True).start()

    def stop(self) -> None:
        """Stops answering."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._client.close()
