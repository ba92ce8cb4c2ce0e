"""Carries out the erasures that were asked for: online, in the lake, in files and, by waiting, in Kafka.

Topics that name users are not compacted: no message can be taken out of them, each is gone when its retention is over
(``contracts.topics``). Until then the stream may bring a message of before the request into the lake again, so the lake
is looked through at every run, and an erasure is done only when no broker holds such a message any more.
"""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from contracts.clock import Clock, utc
from contracts.topics import LONGEST_KEPT_SECONDS
from lake.store import Lake
from lake.tables import TABLES
from serving.erasure import files
from serving.erasure.ledger import REQUESTED, Erasure, Ledger

USER, TIME, RECEIVED = "user_id", "timestamp", "received_at"
QUARANTINE = "quarantine"
KAFKA_SECONDS = LONGEST_KEPT_SECONDS
"""After this long no broker holds a message of before."""

EraseOnline = Callable[[str], int]
"""Deletes a user's rows from the online store and returns how many there were."""


def erase_waiting(
    ledger: Ledger, lake: Lake, home: Path, online: EraseOnline, clock: Clock, keep: timedelta = timedelta(0)
) -> list[Erasure]:
    """Works on every erasure that is not done, and says how far each is now. Killed half-way, it is run again.

    Files of the lake that held the users and are older than ``keep`` are deleted; a reader that opened a table before
    then must begin again."""
    waiting = ledger.waiting()
    if not waiting:
        return []
    for name in _tables(lake):
        for at, erasure in enumerate(waiting):
            predicate = _predicate(name, lake, erasure)
            if predicate is not None:
                waiting[at] = ledger.progress(erasure, name, lake.delete(name, predicate))
        lake.vacuum(name, keep)
    return [_after_the_lake(ledger, erasure, home, online, clock()) for erasure in waiting]


def _tables(lake: Lake) -> Iterable[str]:
    return sorted({*TABLES, *lake.tables()})


def _predicate(table: str, lake: Lake, erasure: Erasure) -> str | None:
    """SQL for the user's rows; None for a table that names no user. What a user did after asking is another matter:
    rows with a time go up to the request, those without it only the first time."""
    opened = lake.open(table)
    names = [] if opened is None else [field.name for field in opened.schema().fields]
    if table == QUARANTINE and names:
        whole = rf"(^|\W){re.escape(erasure.user_id)}(\W|$)"
        return f"regexp_like(payload, {_quoted(whole)}) AND quarantined_at <= {_quoted(_asked(erasure))}"
    if USER not in names:
        return None
    mine = f"{USER} = {_quoted(erasure.user_id)}"
    if TIME in names:
        # A client's clock may be ahead: where we know when a row came, that counts.
        came = f"coalesce({RECEIVED}, {TIME})" if RECEIVED in names else TIME
        return f"{mine} AND {came} <= {_quoted(_asked(erasure))}"
    return mine if erasure.state == REQUESTED else None


def _asked(erasure: Erasure) -> str:
    return utc(erasure.requested_at).isoformat()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _after_the_lake(ledger: Ledger, erasure: Erasure, home: Path, online: EraseOnline, now: float) -> Erasure:
    if erasure.state == REQUESTED:
        removed = {
            "exports": files.erase_from_tables(home / "exports", USER, erasure.user_id),
            "runs": files.erase_from_tables(home / "runs", USER, erasure.user_id),
            "impressions waiting": files.erase_from_lines(home / "gateway" / "impressions", USER, erasure.user_id),
        }
        erasure = ledger.erased(erasure, removed, online(erasure.user_id), erasure.requested_at + KAFKA_SECONDS)
    return ledger.finish(erasure, now) if now >= erasure.kafka_clear_at else erasure
