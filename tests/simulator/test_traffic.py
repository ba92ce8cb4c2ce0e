"""Traffic through the public interface: what is sent, what is tried again, and what stops it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from contracts.errors import HeadwaterError, NotFoundError, UnavailableError
from contracts.events import Action
from contracts.requests import EventIn
from simulator.settings import WorldSettings
from simulator.traffic import Traffic
from simulator.visitors import Visitors
from simulator.world import Reaction, World

WORLD = World(WorldSettings(users=1000, items=500, days=8, seed=5))


@dataclass
class Gateway:
    """A server of the two routes that answers as told and remembers what it was sent."""

    address: str = ""
    shown: list[str] = field(default_factory=lambda: WORLD.catalogue.ids[:10])
    refusals: list[int] = field(default_factory=list)
    status: int = 200
    tokens: set[str] = field(default_factory=set)
    pages: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    refused_ids: set[str] = field(default_factory=set)


@contextmanager
def serving(gateway: Gateway) -> Iterator[Gateway]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self._let_in():
                gateway.pages.append(self.path)
                items = [{"item_id": item, "position": n + 1} for n, item in enumerate(gateway.shown)]
                self._answer(200, {"request_id": f"r{len(gateway.pages)}", "items": items})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if gateway.refusals:
                gateway.refused_ids |= {event["event_id"] for event in body}
                self._answer(gateway.refusals.pop(), {}, {"Retry-After": "0"})
            elif self._let_in():
                gateway.events += body
                self._answer(202, {"accepted": len(body)})

        def _let_in(self) -> bool:
            gateway.tokens.add(self.headers.get("Authorization", ""))
            if gateway.status != 200:
                self._answer(gateway.status, {"title": "no"})
            return gateway.status == 200

        def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def traffic(address: str, rate: float = 60.0) -> Traffic:
    return Traffic(address, lambda: "secret", Visitors(WORLD, np.random.default_rng(1)), rate)


def test_people_ask_and_browse_at_the_chosen_rate() -> None:
    lines: list[str] = []
    with serving(Gateway()) as gateway:
        counts = traffic(gateway.address).run(2.0, lines.append)
    assert counts.events == len(gateway.events) == pytest.approx(120, abs=15)
    assert counts.pages == len(gateway.pages) > 5
    assert counts.shown == 10 * counts.pages
    assert gateway.tokens == {"Bearer secret"}
    assert {event["action"] for event in gateway.events} >= {"view", "click"}
    assert all(EventIn.model_validate(event) for event in gateway.events)
    assert len({event["event_id"] for event in gateway.events}) == counts.events
    assert lines[-1].startswith("2 s: ")


def test_what_was_shown_is_clicked_under_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def eager(user: str, shown: list[str], *_: object) -> list[Reaction]:  # noqa: ARG001
        return [Reaction(shown[3], Action.CLICK, 0.2), Reaction(shown[3], Action.PURCHASE, 0.4, 9.5)]

    monkeypatch.setattr(WORLD, "respond", eager)
    with serving(Gateway()) as gateway:
        counts = traffic(gateway.address).run(2.0)
    reactions = [event for event in gateway.events if "request_id" in event]
    assert {event["item_id"] for event in reactions} == {gateway.shown[3]}
    assert {event["request_id"] for event in reactions} <= {f"r{n + 1}" for n in range(counts.pages)}
    assert {event.get("value") for event in reactions if event["action"] == "purchase"} == {9.5}
    assert counts.clicks == sum(event["action"] == "click" for event in reactions) > 0
    assert counts.purchases == sum(event["action"] == "purchase" for event in reactions) > 0


def test_what_was_refused_is_sent_again_with_the_same_ids() -> None:
    with serving(Gateway(refusals=[429, 503])) as gateway:
        counts = traffic(gateway.address).run(1.0)
    assert counts.refused == 2
    assert gateway.refused_ids
    assert gateway.refused_ids <= {event["event_id"] for event in gateway.events}


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_not_good_enough_stops_it(status: int) -> None:
    with serving(Gateway(status=status)) as gateway, pytest.raises(HeadwaterError, match=f"answered {status}"):
        traffic(gateway.address).run(5.0)


def test_items_of_another_world_are_named() -> None:
    with serving(Gateway(shown=["no such item"])) as gateway, pytest.raises(NotFoundError, match="folder of the world"):
        traffic(gateway.address).run(5.0)


def test_nobody_there_is_one_sentence() -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        traffic("http://127.0.0.1:9").run(5.0)
