"""Clicks of a real site streamed from first to last through the public interface: how fast, and whether any is lost.

Every acknowledged click must stand in its user's history once; ``headwater stream sink`` takes them to the lake after.
The readers stay in the stack that runs, as all users do: not for one whose data matters.
"""

import argparse
import http.client
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import redis

from benchmarks.caught_up import wait_until_applied
from benchmarks.result import Figure
from contracts.errors import UnavailableError
from contracts.release import HISTORY_LENGTH
from contracts.settings import Settings
from feature_repo.redis_reader import read_users
from serving.auth.issuer import Issuer
from serving.auth.scopes import EVENTS_WRITE

COLUMNS = ("user_id", "click_article_id", "click_timestamp")
"""Of the Parquet file: whole numbers, the last in milliseconds since 1970."""

LIST, CONNECTIONS, USERS_AT_ONCE = 500, 4, 2_000
SAY_EVERY_SECONDS = 15.0


@dataclass(frozen=True)
class Clicks:
    """In the order of time, int64[n] each; ``times`` in milliseconds."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]

    def bodies(self) -> Iterator[bytes]:
        """Lists of events, whose ids are the same in every run: a second one changes nothing."""
        for start in range(0, len(self.users), LIST):
            span = range(start, min(start + LIST, len(self.users)))
            yield json.dumps([self._event(at) for at in span]).encode()

    def _event(self, at: int) -> dict[str, str]:
        return {
            "event_id": f"click-{self.users[at]}-{self.times[at]}-{at}",
            "user_id": f"reader{self.users[at]}",
            "item_id": f"article{self.items[at]}",
            "action": "click",
            "timestamp": datetime.fromtimestamp(self.times[at] / 1000, UTC).isoformat(),
        }

    def histories(self) -> dict[str, list[tuple[int, str]]]:
        """Every user's clicks, oldest first."""
        found: dict[str, list[tuple[int, str]]] = {}
        for user, item, at in zip(self.users.tolist(), self.items.tolist(), self.times.tolist(), strict=True):
            found.setdefault(f"reader{user}", []).append((at, f"article{item}"))
        return {user: sorted(acts) for user, acts in found.items()}


def run(argv: Sequence[str]) -> list[Figure]:
    """Options: ``--data PATH``, a Parquet file with COLUMNS (default: made clicks), ``--events N`` at most. Needs a
    stack that runs. Raises UnavailableError."""
    parser = argparse.ArgumentParser(prog="headwater bench clicks")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--events", type=int)
    options = parser.parse_args(list(argv))
    settings, clicks = Settings(), read(options.data, options.events)
    began = time.monotonic()
    _Post(settings, clicks, began).all()
    accepted = len(clicks.users) / (time.monotonic() - began)
    wait_until_applied(settings)
    applied = len(clicks.users) / (time.monotonic() - began)
    expected = clicks.histories()
    return [
        Figure("accepted_per_second", accepted, "events/s"),
        Figure("applied_per_second", applied, "events/s", "accepted_per_second", accepted),
        Figure("clicks", float(len(clicks.users)), "events, all accepted"),
        Figure("users", float(len(expected)), "users"),
        Figure("wrong_histories", float(_wrong(settings, expected)), "users whose history online is not their clicks"),
    ]


def read(path: Path | None, most: int | None) -> Clicks:
    """The clicks of a Parquet file, made ones without; of more than ``most`` the earliest."""
    if path is None:
        random, count = np.random.default_rng(7), min(most or 20_000, 20_000)
        times = 1_700_000_000_000 + np.arange(count, dtype=np.int64) * 50
        return Clicks(random.integers(0, 2_000, count), random.integers(0, 1_000, count), times)
    table = pq.read_table(path, columns=list(COLUMNS))
    users, items, times = (table[name].to_numpy().astype(np.int64) for name in COLUMNS)
    order = np.argsort(times, kind="stable")[:most]
    return Clicks(users[order], items[order], times[order])


class _Post:
    """Sends all lists over several connections, each taking the next one."""

    def __init__(self, settings: Settings, clicks: Clicks, began: float) -> None:
        self._settings, self._clicks = settings, clicks
        self._bodies, self._taking = enumerate(clicks.bodies()), threading.Lock()
        self._began = self._said = began
        self._failed = False

    def all(self) -> None:
        """Returns when every click is acknowledged. Raises UnavailableError for a refusal."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for worker in [pool.submit(self._connection) for _ in range(CONNECTIONS)]:
                worker.result()

    def _next(self) -> bytes | None:
        with self._taking:
            done, body = next(self._bodies, (0, None))
            if time.monotonic() - self._said > SAY_EVERY_SECONDS:
                self._said = time.monotonic()
                said = f"[{self._said - self._began:5.0f} s] {done * LIST:,} of {len(self._clicks.users):,} clicks sent"
                sys.stderr.write(f"{said}\n")
            return None if self._failed else body

    def _connection(self) -> None:
        settings = self._settings
        issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
        connection = http.client.HTTPConnection(settings.bind, settings.gateway_port, timeout=60)
        while (body := self._next()) is not None:
            while not self._sent(connection, issuer.token("bench-clicks", (EVENTS_WRITE,)), body):
                pass
        connection.close()

    def _sent(self, connection: http.client.HTTPConnection, token: str, body: bytes) -> bool:
        """Whether the list was acknowledged; waits where the gateway asks to."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/events", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status in (429, 503):
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        elif answer.status != 202:
            self._failed = True
            raise UnavailableError("the gateway", f"{answer.status} {said[:200].decode()}")
        return answer.status == 202


def _wrong(settings: Settings, expected: dict[str, list[tuple[int, str]]]) -> int:
    """Users whose online history is not what they clicked: all of it, or of more than HISTORY_LENGTH the newest, where
    clicks of one millisecond may stand for each other."""
    users, wrong = list(expected), 0
    with redis.Redis.from_url(settings.redis_url) as client:
        for start in range(0, len(users), USERS_AT_ONCE):
            some = users[start : start + USERS_AT_ONCE]
            for user, row in zip(some, read_users(client, some), strict=True):
                held: list[Any] = sorted((act.time_ms, act.item_id) for act in row.activity.acts)
                clicked: list[Any] = expected[user]
                if len(clicked) > HISTORY_LENGTH:
                    held, clicked = [at for at, _ in held], [at for at, _ in clicked[-HISTORY_LENGTH:]]
                wrong += held != clicked
    return wrong
