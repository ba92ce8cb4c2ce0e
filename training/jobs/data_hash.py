"""One hash over what the lake holds, whatever files and order it is held in."""

import hashlib
import json
from datetime import date

import duckdb
import pyarrow as pa

from lake.store import Lake

COLUMNS = {
    "interactions": ("event_id", "user_id", "item_id", "action", "timestamp", "value", "request_id"),
    "impressions": ("request_id", "user_id", "item_id", "position", "timestamp", "release", "propensity"),
    "items": ("item_id", "category", "title", "created_at", "attributes"),
    "users": ("user_id", "cohort", "created_at"),
}
"""What counts as data; where a row came from does not."""

DAYS_AT_ONCE = 50


def _digest(rows: pa.Table) -> tuple[int, int]:
    """Number of rows and the sum of their hashes: the same in every order."""
    listed = ", ".join(rows.column_names)
    with duckdb.connect() as connection:
        connection.register("content", rows)
        counted = connection.execute(
            f"SELECT count(*), coalesce(sum(hash({listed})::HUGEINT), 0)::VARCHAR FROM content"
        ).fetchone()
    assert counted is not None, "an aggregate without groups has one row"
    return int(counted[0]), int(counted[1])


def data_hash(lake: Lake, days: tuple[date, date]) -> str:
    """Sixteen hex digits over the rows of ``days`` (both included) and the whole of items and users."""
    digests: dict[str, tuple[int, int]] = {}
    for table, columns in COLUMNS.items():
        held = [day for day in lake.days(table) if days[0] <= day <= days[1]]
        spans = [(held[at], held[at : at + DAYS_AT_ONCE][-1]) for at in range(0, len(held), DAYS_AT_ONCE)]
        parts = [_digest(lake.read(table, columns, span)) for span in spans]
        if table in ("items", "users"):
            parts = [_digest(lake.read(table, columns))]
        digests[table] = (sum(part[0] for part in parts), sum(part[1] for part in parts))
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:16]
