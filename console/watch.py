"""Looks at a server's ``/metrics`` again and again, so that a page that opens has figures and a trend at once."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from console import figures
from console.exposition import Scrape
from contracts.errors import UnavailableError

SECONDS = 5.0
"""Between two looks."""

KEPT_SECONDS = 900.0
"""How far back the looks go."""

Summary = Callable[[Scrape, Scrape, float], dict[str, Any]]


class Watch:
    """The looks at one server, or at all replicas behind its name. ``trend`` names the figures that are kept for each
    interval between two looks."""

    def __init__(self, client: httpx.AsyncClient, name: str, url: str, summary: Summary, trend: Sequence[str]) -> None:
        self._client = client
        self._name = name
        self._url = httpx.URL(f"{url}/metrics")
        self._summary = summary
        self._trend = trend
        kept = int(KEPT_SECONDS / SECONDS) + 1
        self._looks: deque[tuple[float, Scrape]] = deque(maxlen=kept)
        self._points: deque[dict[str, Any]] = deque(maxlen=kept)
        self._fault: str | None = None

    async def look(self) -> None:
        """Takes one look; a server that does not answer is remembered as such."""
        replicas = await _replicas(self._url)
        try:
            answers = await asyncio.gather(*(self._client.get(one) for one in replicas))
            read = [Scrape.parse(answer.raise_for_status().text) for answer in answers]
        except (httpx.HTTPError, ValueError) as error:
            self._fault = f"{self._url} {_reason(error)}"
            return
        self._fault = None
        addresses = [one.host for one in replicas]
        self._take(time.monotonic(), Scrape.of_all(dict(zip(addresses, read, strict=True))))

    def over(self, seconds: float) -> dict[str, Any]:
        """The figures of the last ``seconds`` (the interval that there is: ``seconds`` of the answer), and ``points``,
        the trend since the first look, oldest first. ``figures`` is None until there are two looks.

        Raises UnavailableError when the last look was not answered.
        """
        if self._fault is not None:
            raise UnavailableError(self._name, f"{self._fault}; see headwater logs {self._name}")
        if len(self._looks) < 2:
            return {"seconds": 0.0, "figures": None, "points": []}
        newest, now = self._looks[-1]
        at, before = next(one for one in self._looks if one[0] >= newest - seconds - SECONDS / 2)
        if at == newest:
            at, before = self._looks[-2]
        spent = newest - at
        return {
            "seconds": spent,
            "figures": self._summary(now, now.since(before), spent),
            "points": list(self._points),
        }

    def _take(self, at: float, scrape: Scrape) -> None:
        if self._looks:
            earlier, before = self._looks[-1]
            whole = self._summary(scrape, scrape.since(before), at - earlier)
            self._points.append({name: whole[name] for name in self._trend})
        self._looks.append((at, scrape))


async def _replicas(url: httpx.URL) -> list[httpx.URL]:
    """The URL for every address of its name. Counters of different processes must not be taken for one's: what looks
    like a fall is counted as a start."""
    if url.scheme != "http":
        return [url]  # a certificate names the host
    try:
        # IPv4 alone: localhost has an address of each kind, of one and the same server.
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(url.host, url.port or 80, family=socket.AF_INET)
    except OSError:
        return [url]  # whoever asks it says what is wrong
    return [url.copy_with(host=host) for host in sorted({str(address[0]) for *_, address in found})]


def gateway_watch(client: httpx.AsyncClient, url: str) -> Watch:
    """Of the gateway."""
    trend = ("requests_per_second", "p50_ms", "p95_ms", "degraded_share", "hit_share")
    return Watch(client, "gateway", url, figures.of_gateway, trend)


def consumer_watch(client: httpx.AsyncClient, url: str) -> Watch:
    """Of the stream's consumer."""
    return Watch(client, "consumer", url, figures.of_consumer, ("lag", "events_per_second", "age_p95_ms"))


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"answers {error.response.status_code}"
    return "gives no figures" if isinstance(error, ValueError) else "does not answer"
