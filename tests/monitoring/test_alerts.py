"""A breach reaches whoever listens, in Alertmanager's form; a receiver that fails is named."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from contracts.drift import DriftReport
from contracts.errors import UnavailableError
from monitoring.alerts import send

MOMENT = "2026-11-23T00:00:00Z"


def report(*, breach: bool = True) -> DriftReport:
    figure = {"section": "labels", "name": "click rate", "measure": "relative change", "effect": 0.5, "bar": 0.2,
              "test": "delta method", "p_value": 0.0, "p_adjusted": 0.0}  # fmt: skip
    windows = dict.fromkeys(("reference_from", "reference_to", "current_from", "current_to", "measured_at"), MOMENT)
    return DriftReport.model_validate(
        {"date": "2026-11-22", "champion": "r1", "reference_users": 9, "current_users": 9, "alpha": 0.001, **windows,
         "figures": [figure | {"breach": breach}, figure | {"name": "quiet", "breach": False}]}
    )  # fmt: skip


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A webhook that keeps what it is sent."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_moved_is_posted_as_alertmanager_posts_it() -> None:
    with receiver() as (address, taken):
        send(address, report(), "http://mlflow/#/run")
    (body,) = taken
    assert (body["version"], body["status"], body["externalURL"]) == ("4", "firing", "http://mlflow/#/run")
    (alert,) = body["alerts"]
    assert alert["labels"] == {"alertname": "HeadwaterDrift", "severity": "warning", "champion": "r1",
                               "section": "labels", "figure": "click rate"}  # fmt: skip
    assert "0.500" in alert["annotations"]["summary"]
    assert alert["annotations"]["runbook"] == "docs/runbooks/drift.md"


@pytest.mark.parametrize("status", [400, 503])
def test_a_receiver_that_refuses_is_named(status: int) -> None:
    with receiver(status) as (address, _), pytest.raises(UnavailableError, match="alert_webhook"):
        send(address, report(), "page")


def test_a_receiver_that_is_not_there_is_named() -> None:
    with pytest.raises(UnavailableError, match="alert webhook is unavailable"):
        send("http://127.0.0.1:9/hook", report(), "page")
