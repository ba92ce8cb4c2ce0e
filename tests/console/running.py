"""The console behind real HTTP, in a thread, with tokens of the embedded issuer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from console.access import COOKIE, HEADER
from console.app import create
from console.service import Console
from contracts.settings import Settings
from serving.auth.issuer import Issuer
from serving.auth.scopes import ADMIN, SCOPES

NOBODY = "127.0.0.1:9"


class RunningConsole:
    """``client`` has signed in with every scope."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = f"http://127.0.0.1:{settings.console_port}"
        self.client = self.signed_in(*SCOPES)

    def token(self, *scopes: str, seconds: int = 3600) -> str:
        settings = self.settings
        issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
        return issuer.token("ann", scopes or (ADMIN,), seconds=seconds)

    def signed_in(self, *scopes: str, seconds: int = 3600) -> httpx.Client:
        """A client that carries the cookie and the header of our pages."""
        cookies = {COOKIE: self.token(*scopes, seconds=seconds)}
        return httpx.Client(base_url=self.url, cookies=cookies, headers={HEADER: "1"}, timeout=20)

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running_console(settings: Settings) -> Iterator[RunningConsole]:
    """Until it is left."""
    from tests.serving.running import wait_until  # imports kafka, whose warnings are let pass only in tests

    app = create(Console(settings))
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=settings.console_port, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    running = RunningConsole(settings)
    try:
        wait_until(lambda: server.started)
        yield running
    finally:
        running.client.close()
        server.should_exit = True
        thread.join(20)


def alone(**changes: Any) -> Settings:
    """Settings of an installation in which no server answers, but for those named in ``changes``."""
    nowhere = dict.fromkeys(
        ("gateway_url", "gateway_metrics_url", "consumer_url", "mlflow_url", "airflow_url"), f"http://{NOBODY}"
    )
    database = f"postgresql+psycopg2://headwater@{NOBODY}/headwater"
    rest = {"redis_url": f"redis://{NOBODY}/0", "kafka_bootstrap": NOBODY, "model_server": NOBODY}
    return Settings(**(nowhere | rest | {"database_url": database} | changes))
