"""``headwater bench freshness``: from the 202 of an event to the first answer that knows it, under a background load.

Runs against the gateway that the settings name. An answer knows the event when the user's row is younger than the
event's request: the row may be written before its 202 is here.
"""

import argparse
import json
import random
import sys
import threading
import time
import uuid

import httpx
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient

from benchmarks.caught_up import wait_until_applied
from benchmarks.result import Figure, percentiles
from contracts.errors import UnavailableError
from contracts.settings import Settings
from contracts.topics import IMPRESSIONS
from serving.auth.issuer import Issuer
from streaming.topics import ensure_topics

POLL_SECONDS = 0.005
GIVE_UP_SECONDS = 30.0
PROBE_USERS = 50


def _client(settings: Settings, subject: str) -> httpx.Client:
    token = Issuer(settings.home, settings.issuer, settings.audience, settings.now()).token(subject)
    return httpx.Client(
        base_url=f"http://{settings.bind}:{settings.gateway_port}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
        trust_env=False,
    )


def _event(user: str, item: str) -> dict[str, str]:
    return {"user_id": user, "item_id": item, "action": "click", "event_id": uuid.uuid4().hex}


def _paced(rate: float, stop: threading.Event, act: "_Act") -> None:
    """Calls ``act`` ``rate`` times a second, on schedule whatever each call takes."""
    due = time.perf_counter()
    while not stop.is_set():
        due += 1 / rate
        act()
        stop.wait(max(0.0, due - time.perf_counter()))


class _Act:
    """One call of the background load."""

    def __init__(self, client: httpx.Client, items: list[str], kind: str, batch: int) -> None:
        self._client, self._items, self._kind, self._batch = client, items, kind, batch
        self.failed = 0

    def __call__(self) -> None:
        users = [f"load{random.randrange(5000)}" for _ in range(self._batch)]
        try:
            if self._kind == "events":
                body = [_event(user, random.choice(self._items)) for user in users]
                answer = self._client.post("/v1/events", json=body)
            else:
                answer = self._client.get("/v1/recommendations", params={"user_id": users[0]})
        except httpx.TransportError:
            self.failed += 1
        else:
            self.failed += answer.status_code >= 400


def _one(client: httpx.Client, user: str, item: str) -> float:
    """Milliseconds from the 202 to the first answer that knows the event."""
    sent = time.perf_counter()
    answer = client.post("/v1/events", json=_event(user, item))
    accepted = time.perf_counter()
    if answer.status_code != 202:
        raise UnavailableError("the gateway", f"{answer.status_code} {answer.text[:200]}")
    while time.perf_counter() - accepted < GIVE_UP_SECONDS:
        found = client.get("/v1/recommendations", params={"user_id": user})
        now = time.perf_counter()
        age = found.json().get("features", {}).get("user_age_seconds") if found.status_code == 200 else None
        if age is not None and age <= now - sent:
            return (now - accepted) * 1000
        time.sleep(POLL_SECONDS)
    raise UnavailableError("the stream", f"an event of {user} was not in an answer after {GIVE_UP_SECONDS:.0f} s")


def _bare_pair(settings: Settings, count: int) -> list[float]:
    """Milliseconds from produce to consume of one message at a time, by a bare kafka-python pair."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    ensure_topics(settings.kafka_bootstrap, prefix, topics=[IMPRESSIONS])
    topic = IMPRESSIONS.address(prefix)
    consumer = KafkaConsumer(topic, bootstrap_servers=settings.kafka_bootstrap, auto_offset_reset="earliest")
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap, acks="all")
    samples = []
    for n in range(count + 5):
        started = time.perf_counter()
        producer.send(topic, json.dumps({"n": n}).encode())
        while not consumer.poll(timeout_ms=100):
            pass
        if n >= 5:
            samples.append((time.perf_counter() - started) * 1000)
    producer.close()
    consumer.close()
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    admin.delete_topics([topic])
    admin.close()
    return samples


def run(argv: list[str]) -> list[Figure]:
    """The figures. Raises UnavailableError where the stack is not up or an event never shows."""
    parser = argparse.ArgumentParser(prog="headwater bench freshness")
    parser.add_argument("--probes", type=int, default=200)
    parser.add_argument("--events-per-second", type=float, default=200)
    parser.add_argument("--requests-per-second", type=float, default=20)
    chosen = parser.parse_args(argv)
    settings, batch = Settings(), 10
    probe, load, asking = (_client(settings, f"bench-{name}") for name in ("probe", "events", "requests"))
    try:
        answer = probe.get("/v1/recommendations", params={"user_id": "probe", "count": 100})
    except httpx.TransportError as error:
        raise UnavailableError("the gateway", f"{probe.base_url} does not answer ({error})") from error
    if answer.status_code != 200:
        raise UnavailableError("the gateway", f"{answer.status_code} {answer.text[:200]}")
    items = [item["item_id"] for item in answer.json()["items"]]
    wait_until_applied(settings, at_most=int(chosen.events_per_second))
    stop = threading.Event()
    acts = [(_Act(load, items, "events", batch), chosen.events_per_second / batch)]
    acts.append((_Act(asking, items, "requests", 1), chosen.requests_per_second))
    threads = [threading.Thread(target=_paced, args=(rate, stop, act)) for act, rate in acts]
    for thread in threads:
        thread.start()
    try:
        time.sleep(2)
        bare = _bare_pair(settings, min(chosen.probes, 200))
        samples = []
        for n in range(chosen.probes):
            samples.append(_one(probe, f"probe{n % PROBE_USERS}", random.choice(items)))
            if (n + 1) % PROBE_USERS == 0:
                print(f"{n + 1} of {chosen.probes} events followed", file=sys.stderr)  # noqa: T201
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for client in (probe, load, asking):
            client.close()
    baseline = "produce to consume of a bare kafka-python pair"
    failed = Figure("background_failures", float(sum(act.failed for act, _ in acts)), "answers")
    return [*percentiles("freshness", samples, baseline, bare), failed]
