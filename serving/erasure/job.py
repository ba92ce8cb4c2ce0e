"""Erases users from the lake: every table that names a user, day by day, then the files that still held them."""

from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from contracts.clock import Clock
from lake.store import Lake
from lake.tables import TABLES
from serving.erasure.ledger import Erasure, Ledger

USER = "user_id"


def erase_waiting(ledger: Ledger, lake: Lake, clock: Clock, keep: timedelta = timedelta(0)) -> list[Erasure]:
    """Carries out every erasure that is waiting, and says what each removed. Killed half-way, it is run again.

    Files that held the users and are older than ``keep`` are deleted; a reader that opened the table before then must
    begin again."""
    waiting = ledger.waiting()
    if not waiting:
        return []
    for name, table in TABLES.items():
        if USER not in table.schema.names:
            continue
        removed = _erase(lake, name, table.partitioned, [erasure.user_id for erasure in waiting])
        waiting = [ledger.progress(erasure, name, removed[erasure.user_id]) for erasure in waiting]
        lake.vacuum(name, keep)
    return [ledger.finish(erasure, clock()) for erasure in waiting]


def _erase(lake: Lake, name: str, partitioned: bool, user_ids: Sequence[str]) -> dict[str, int]:
    removed = dict.fromkeys(user_ids, 0)
    wanted = pa.array(user_ids, pa.string())
    for days in [(day, day) for day in lake.days(name)] if partitioned else [None]:
        rows = lake.read(name, days=days)
        hit = pc.is_in(rows[USER], value_set=wanted)
        if not pc.any(hit).as_py():
            continue
        for user_id in rows.filter(hit)[USER].to_pylist():
            removed[user_id] += 1
        kept = rows.filter(pc.invert(hit))
        if days is None:
            lake.replace(name, kept)
        else:
            lake.replace_days(name, kept, [days[0]])
    return removed
