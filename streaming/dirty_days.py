"""Days of the lake that got rows after they had ended: the next daily run must not take them as done."""

from collections.abc import Iterable
from datetime import date

import pyarrow as pa

from contracts.clock import Clock, utc
from lake.store import Lake

TABLE = "dirty_days"
"""A derived table of the lake: ``table``, ``dirty_day``, ``marked_at``."""

_SCHEMA = pa.schema([("table", pa.string()), ("dirty_day", pa.date32()), ("marked_at", pa.timestamp("us", tz="UTC"))])


def mark(lake: Lake, table: str, days: Iterable[date], clock: Clock) -> list[date]:
    """Marks those of ``days`` that have ended; returns them in order."""
    now = utc(clock())
    ended = sorted({day for day in days if day < now.date()})
    if ended:
        rows = [{"table": table, "dirty_day": day, "marked_at": now} for day in ended]
        lake.append(TABLE, pa.Table.from_pylist(rows, schema=_SCHEMA))
    return ended
