"""Keeps real events flowing through the public interface, at a chosen rate: people ask, see, click, buy and browse."""

import heapq
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any, Protocol

import httpx

from contracts.errors import HeadwaterError, NotFoundError, UnavailableError
from contracts.events import Action
from simulator.world import Reaction

PAGES_AN_EVENT, PAGES_A_SECOND = 0.25, 10.0
"""Recommendation pages asked for an event sent, and at most a second."""

TURN_SECONDS = 0.1
SAY_SECONDS = 5.0
AT_ONCE = 500
PATIENCE_SECONDS = 5.0
"""Longest pause after a refusal; what was refused is sent again with the same event ids."""

BUSY = (429, 500, 502, 503, 504)


@dataclass
class Counts:
    """What has been sent and answered. ``refused`` answers and ``failed`` connections are tried again."""

    events: int = 0
    pages: int = 0
    shown: int = 0
    clicks: int = 0
    purchases: int = 0
    refused: int = 0
    failed: int = 0

    def line(self, seconds: float) -> str:
        """For progress."""
        rate = self.clicks / self.shown if self.shown else 0.0
        return (
            f"{seconds:.0f} s: {self.events} events ({self.events / max(seconds, 1e-9):.1f}/s), {self.pages} pages, "
            f"{self.clicks} of {self.shown} shown clicked ({rate:.1%}), {self.purchases} bought, "
            f"{self.refused} refused, {self.failed} failed"
        )

    def as_json(self) -> dict[str, int]:
        """For printing."""
        return asdict(self)


class Authorisation(httpx.Auth):
    """A bearer token a request; ``token`` may hand out a new one as time goes by."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        """Adds the header."""
        request.headers["Authorization"] = f"Bearer {self._token()}"
        yield request


class People(Protocol):
    """Who comes and what they do: the visitors of a simulated world, or the users of recorded data. A ``moment`` is
    seconds since the traffic began."""

    def arrive(self) -> str:
        """The id of somebody who comes."""
        ...

    def look_around(self, user: str, moment: float) -> Reaction:
        """What the user does without being shown anything."""
        ...

    def respond(self, user: str, shown: list[str], moment: float) -> list[Reaction]:
        """What the user does with a list. Raises NotFoundError for an item of another world."""
        ...


class Traffic:
    """One client that speaks for all visitors. ``rate`` is events a second, in all."""

    def __init__(self, url: str, token: Callable[[], str], visitors: People, rate: float) -> None:
        self.counts = Counts()
        self._client = httpx.Client(base_url=url, auth=Authorisation(token), timeout=10, trust_env=False)
        self._visitors = visitors
        self._rate = rate
        self._pages_a_second = min(rate * PAGES_AN_EVENT, PAGES_A_SECOND)
        self._order = count()
        self._waiting: list[tuple[float, int, dict[str, Any]]] = []
        self._outbox: list[dict[str, Any]] = []
        self._answered = False

    def run(self, seconds: float, progress: Callable[[str], None] = lambda _: None) -> Counts:
        """Sends for ``seconds`` (infinite: until it is interrupted). What is clicked only later is not sent.

        Raises UnavailableError when nobody answers at first, HeadwaterError when the gateway refuses the token or
        serves items of another world.
        """
        began = time.monotonic()
        events, pages, at, said = 0.0, 1.0, 0.0, 0.0
        with self._client:
            while at < seconds:
                now = time.monotonic() - began
                # A pause (a gateway that restarts) is not made up for in one burst.
                passed, at = min(now - at, 1.0), now
                events, pages = events + passed * self._rate, pages + passed * self._pages_a_second
                if pages >= 1:
                    pages -= 1
                    self._open_page(at)
                while events >= 1:
                    events -= 1
                    self._outbox.append(self._next(at))
                self._flush()
                if at - said >= SAY_SECONDS:
                    said = at
                    progress(self.counts.line(at))
                time.sleep(max(0.0, min(TURN_SECONDS, seconds - at)))
        progress(self.counts.line(at))
        return self.counts

    def _next(self, at: float) -> dict[str, Any]:
        """The reaction whose time has come, or else somebody who browses."""
        if self._waiting and self._waiting[0][0] <= at:
            return heapq.heappop(self._waiting)[2]
        user = self._visitors.arrive()
        return _event(user, self._visitors.look_around(user, at))

    def _open_page(self, at: float) -> None:
        user = self._visitors.arrive()
        answer = self._ask("GET", "/v1/recommendations", params={"user_id": user})
        if answer is None:
            return
        body = answer.json()
        shown = [item["item_id"] for item in body["items"]]
        try:
            reactions = self._visitors.respond(user, shown, at)
        except NotFoundError as error:
            raise NotFoundError(f"{error}: name the folder of the world that was imported") from error
        self.counts.pages += 1
        self.counts.shown += len(shown)
        for reaction in reactions:
            event = _event(user, reaction) | {"request_id": body["request_id"]}
            heapq.heappush(self._waiting, (at + reaction.delay, next(self._order), event))

    def _flush(self) -> None:
        while self._outbox:
            sent = self._outbox[:AT_ONCE]
            if self._ask("POST", "/v1/events", json=sent) is None:
                return
            del self._outbox[: len(sent)]
            self.counts.events += len(sent)
            shown = [event for event in sent if "request_id" in event]
            self.counts.clicks += sum(event["action"] == Action.CLICK for event in shown)
            self.counts.purchases += sum(event["action"] == Action.PURCHASE for event in shown)

    def _ask(self, method: str, path: str, **what: Any) -> httpx.Response | None:
        """The answer, or None after a pause when the gateway was too busy or away."""
        try:
            answer = self._client.request(method, path, **what)
        except httpx.TransportError as error:
            if not self._answered:
                raise UnavailableError("the gateway", f"{self._client.base_url} does not answer ({error})") from error
            self.counts.failed += 1
            time.sleep(1.0)
            return None
        self._answered = True
        if answer.status_code in BUSY:
            self.counts.refused += 1
            asked = answer.headers.get("Retry-After", "1")
            time.sleep(min(float(asked) if asked.isdigit() else 1.0, PATIENCE_SECONDS))
            return None
        if answer.is_error:
            raise HeadwaterError(f"the gateway answered {answer.status_code} to {path}: {answer.text[:200]}")
        return answer


def _event(user: str, reaction: Reaction) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_id": uuid.uuid4().hex,
        "user_id": user,
        "item_id": reaction.item_id,
        "action": reaction.action.value,
    }
    return event if reaction.value is None else event | {"value": reaction.value}
