"""A table of the lake as one Parquet file, and what tables there are."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.store import Lake
from lake.tables import EVENTS, STREAM, TABLES

EXPORTED = (*sorted(TABLES), EVENTS)


def export_table(lake: Lake, table: str, out: Path) -> int:
    """Writes the committed rows of ``table`` to ``out``, which appears whole or not at all. Returns their number.

    ``events`` is the view of interactions that came through the stream. Raises NotFoundError for an unknown table.
    """
    filter_ = pc.field("source") == STREAM if table == EVENTS else None
    source = "interactions" if table == EVENTS else table
    partial = out.with_name(f".{out.name}.partial")
    rows = 0
    try:
        batches = lake.scan(source, filter_)
        with pq.ParquetWriter(partial, batches.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def summary(lake: Lake) -> list[dict[str, str | int | None]]:
    """One entry a table, declared or derived: table, rows, files, days, first_day, last_day."""
    found: list[dict[str, str | int | None]] = []
    for table in sorted({*lake.tables(), *TABLES}):
        days = lake.days(table)
        found.append(
            {
                "table": table,
                "rows": lake.count(table),
                "files": len(lake.files(table)),
                "days": len(days),
                "first_day": days[0].isoformat() if days else None,
                "last_day": days[-1].isoformat() if days else None,
            }
        )
    return found
