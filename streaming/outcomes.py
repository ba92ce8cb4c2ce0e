"""What came of what was shown, by release and arm, while it happens: for dashboards. Decisions are made on the lake.

Answers and events are keyed by user and their topics have equally many partitions, so one process gets both of a user.
An event belongs to the answer that it names, if its user was shown its item there; what names none is not counted. Of
one item of an answer one click and one purchase count, so that a message delivered twice changes nothing. The last
ANSWERS answers are remembered; with a restart they are forgotten, which the counter of unmatched events shows.
"""

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import structlog
from kafka import KafkaConsumer
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Counter
from pydantic import ValidationError

from contracts.events import Action, Event
from contracts.impressions import Impression
from contracts.topics import EVENTS, IMPRESSIONS
from streaming.empty_handed import EmptyHanded

log = structlog.get_logger(__name__)

ANSWERS = 50_000
"""Some 60 MB, and an hour of 14 requests a second."""

PATIENCE_SECONDS = 30.0
"""How long an event waits for its answer: impressions are sent behind it."""

POLL_MS, RETRY_SECONDS = 200, 1.0
LABELS = ["release", "experiment", "arm"]
Arm = tuple[str, str, str]


class OutcomeMetrics:
    """Counters of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prefix = "headwater_outcome_"
        self.shown = Counter(prefix + "shown_items_total", "Items shown", LABELS, registry=registry)
        self.clicked = Counter(
            prefix + "clicked_items_total", "Shown items that were clicked", LABELS, registry=registry
        )
        self.bought = Counter(prefix + "bought_items_total", "Shown items, bought", LABELS, registry=registry)
        self.unmatched = Counter(
            prefix + "unmatched_events_total", "Events that name an answer nobody remembers", registry=registry
        )


@dataclass
class _Shown:
    arm: Arm
    user_id: str
    items: set[str] = field(default_factory=set)
    clicked: set[str] = field(default_factory=set)
    bought: set[str] = field(default_factory=set)


class Outcomes:
    """Matches events to answers."""

    def __init__(self, metrics: OutcomeMetrics, answers: int = ANSWERS) -> None:
        self._metrics = metrics
        self._most = answers
        self._answers: OrderedDict[str, _Shown] = OrderedDict()
        self._waiting: deque[tuple[float, Event]] = deque()

    def show(self, row: Impression) -> None:
        """Remembers one shown item."""
        answer = self._answers.get(row.request_id)
        if answer is None:
            arm = (row.release or "", row.experiment or "", row.arm or "")
            answer = self._answers[row.request_id] = _Shown(arm, row.user_id)
            if len(self._answers) > self._most:
                self._answers.popitem(last=False)
        if row.item_id not in answer.items:
            answer.items.add(row.item_id)
            self._metrics.shown.labels(*answer.arm).inc()

    def happen(self, event: Event, now: float) -> None:
        """Takes an event in; ``now`` counts seconds from anywhere."""
        if event.request_id is not None and event.action is not Action.VIEW and not self._match(event):
            self._waiting.append((now + PATIENCE_SECONDS, event))

    def settle(self, now: float) -> None:
        """Looks again for the answers of events that wait, and gives up those that waited too long."""
        waiting, self._waiting = self._waiting, deque()
        for until, event in waiting:
            if not self._match(event):
                if until > now:
                    self._waiting.append((until, event))
                else:
                    self._metrics.unmatched.inc()

    def _match(self, event: Event) -> bool:
        answer = self._answers.get(event.request_id or "")
        if answer is None or answer.user_id != event.user_id or event.item_id not in answer.items:
            return False
        bought = event.action is Action.PURCHASE
        known, counter = (answer.bought, self._metrics.bought) if bought else (answer.clicked, self._metrics.clicked)
        if event.item_id not in known:
            known.add(event.item_id)
            counter.labels(*answer.arm).inc()
        return True


def count(bootstrap: str, prefix: str, outcomes: Outcomes, stop: threading.Event) -> None:
    """Reads answers and events as they come until ``stop``; while Kafka is away it tries again."""
    while not stop.is_set():
        try:
            _read(bootstrap, prefix, outcomes, stop)
        except KafkaError as error:
            log.warning("outcomes wait", error=str(error))
            stop.wait(RETRY_SECONDS)


def _read(bootstrap: str, prefix: str, outcomes: Outcomes, stop: threading.Event) -> None:
    shown, empty_handed = IMPRESSIONS.address(prefix), EmptyHanded()
    topics = [shown, EVENTS.address(prefix)]
    consumer = KafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=f"{prefix}outcomes",
        partition_assignment_strategy=[RangePartitionAssignor],
        auto_offset_reset="latest",
    )
    try:
        while not stop.is_set():
            polled = consumer.poll(timeout_ms=POLL_MS)
            for place, messages in sorted(polled.items(), key=lambda one: one[0].topic != shown):
                for message in messages:
                    _take(outcomes, message.value, is_shown=place.topic == shown)
            now, assigned = time.monotonic(), bool(consumer.assignment())
            outcomes.settle(now)
            if empty_handed.should_join(assigned, now):
                log.warning("no partition was assigned: joining the group anew", group="outcomes")
                consumer.unsubscribe()
                consumer.subscribe(topics)
            elif not assigned:
                stop.wait(POLL_MS / 1000)
    finally:
        consumer.close()


def _take(outcomes: Outcomes, payload: bytes | None, *, is_shown: bool) -> None:
    """What cannot be read is set aside by those who keep it: the consumer and the lake's sink."""
    try:
        if is_shown:
            outcomes.show(Impression.from_payload(payload or b""))
        else:
            outcomes.happen(Event.from_payload(payload or b""), time.monotonic())
    except (ValidationError, ValueError, RecursionError) as error:
        log.debug("outcomes pass over a message", error=str(error))
