"""``POST /v1/events`` of the running gateway, one event a request and a hundred, beside a bare producer's same work."""

import http.client
import json
import multiprocessing
import random
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from benchmarks.caught_up import wait_until_applied
from benchmarks.result import Figure
from contracts.errors import UnavailableError
from contracts.settings import Settings
from contracts.topics import EVENTS
from serving.auth.issuer import Issuer
from serving.auth.scopes import EVENTS_WRITE
from streaming.topics import ensure_topics

SHAPES = {"ingest_rps": (16, 1), "ingest_lists_rps": (4, 100)}
"""Figure → requests at once, events a request."""

USERS = 20_000
BARE = "the same messages by a bare kafka-python producer, acknowledged by all"


@dataclass(frozen=True)
class Load:
    """What the loading process needs: each connection is a client of its own, so that none meets its limit."""

    host: str
    port: int
    tokens: Sequence[str]
    items: Sequence[str]
    size: int
    seconds: float


def _events(items: Sequence[str], size: int) -> list[dict[str, str]]:
    return [
        {
            "event_id": uuid.uuid4().hex,
            "user_id": f"bench{random.randrange(USERS)}",
            "item_id": random.choice(items),
            "action": "view",
        }
        for _ in range(size)
    ]


def _connection(load: Load, token: str) -> int:
    """Requests of one connection that were answered 202. Raises UnavailableError for any other answer."""
    connection = http.client.HTTPConnection(load.host, load.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    accepted, end = 0, time.perf_counter() + load.seconds
    while time.perf_counter() < end:
        events = _events(load.items, load.size)
        connection.request("POST", "/v1/events", json.dumps(events if load.size > 1 else events[0]), headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 202:
            raise UnavailableError("the gateway", f"{answer.status} {body[:200].decode()}")
        accepted += 1
    connection.close()
    return accepted


def _drive(load: Load) -> int:
    with ThreadPoolExecutor(len(load.tokens)) as pool:
        return sum(pool.map(_connection, [load] * len(load.tokens), load.tokens))


def _bare(settings: Settings, threads: int, size: int, seconds: float) -> float:
    """Groups of ``size`` messages a second, each waited for, by ``threads`` threads of one producer."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    ensure_topics(settings.kafka_bootstrap, prefix, topics=[EVENTS])
    topic = EVENTS.address(prefix)
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap, acks="all", enable_idempotence=True)

    def send(_: int) -> int:
        sent, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            messages = [(one["user_id"].encode(), json.dumps(one).encode()) for one in _events(["item"], size)]
            for future in [producer.send(topic, value, key=key) for key, value in messages]:
                future.get(timeout=30)
            sent += 1
        return sent

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(send, range(threads)))
    producer.close()
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    admin.delete_topics([topic])
    admin.close()
    return done / seconds


def figures(settings: Settings, items: Sequence[str], seconds: float) -> list[Figure]:
    """Requests a second of each shape. The events are real: they reach the installation's topic, of users of their
    own, and are applied before this returns.

    Raises UnavailableError where the gateway does not take them or the consumer does not apply them.
    """
    issuer = Issuer(settings.home, settings.issuer, settings.audience, settings.now())
    found = []
    for name, (connections, size) in SHAPES.items():
        tokens = [issuer.token(f"bench-{n}", (EVENTS_WRITE,)) for n in range(connections)]
        load = Load(settings.bind, settings.gateway_port, tokens, items, size, seconds)
        rate = _in_a_process(_drive, load) / seconds
        bare = _bare(settings, connections, size, seconds / 3)
        wait_until_applied(settings)
        found.append(Figure(name, rate, f"requests/s of {size} events", BARE, bare))
    return found


def _in_a_process(work: Callable[[Load], int], load: Load) -> int:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (load,))
