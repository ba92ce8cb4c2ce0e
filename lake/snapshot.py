"""Rows of one commit of a table, and rows in the shape that a table stores."""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from pyarrow import fs

from contracts.errors import InvalidInputError
from lake.tables import DAY, TABLES

Days = tuple[date, date]
"""First and last day, both included."""


def partitioned(snapshot: DeltaTable) -> bool:
    """Whether the table has a partition a day."""
    return DAY in snapshot.metadata().partition_columns


def between(snapshot: DeltaTable, days: Days | None) -> list[tuple[str, str, str]] | None:
    """The filter that keeps the partitions of ``days``, None for all."""
    if days is None or not partitioned(snapshot):
        return None
    return [(DAY, ">=", days[0].isoformat()), (DAY, "<=", days[1].isoformat())]


def dataset(snapshot: DeltaTable, days: Days | None = None) -> ds.Dataset:
    """The rows of the ``days``, to be scanned.

    A table on disk is read through Arrow's own file system. Through deltalake's, Arrow's threads close files in Python
    after the rows are read, and a process that ends at that moment is aborted.
    """
    own = None
    if not snapshot.table_uri.startswith("s3://"):
        disk, root = fs.FileSystem.from_uri(snapshot.table_uri)
        own = fs.SubTreeFileSystem(root, disk)
    return snapshot.to_pyarrow_dataset(file_pruning_predicate=between(snapshot, days), filesystem=own)


def read(
    snapshot: DeltaTable, columns: Sequence[str] | None, days: Days | None, condition: pc.Expression | None = None
) -> pa.Table:
    """Rows of the ``days`` for which ``condition``, on some of the ``columns``, holds; all columns as stored when
    ``columns`` is None."""
    whole = dataset(snapshot, days)
    if condition is None:
        return whole.to_table(columns=None if columns is None else list(columns))
    names = whole.schema.names if columns is None else columns
    return filtered(whole, condition, names, names).read_all()


def filtered(
    whole: ds.Dataset, condition: pc.Expression, columns: Sequence[str], needed: Sequence[str] | None = None
) -> pa.RecordBatchReader:
    """The ``columns`` of the rows for which ``condition`` holds, as a stream; files that cannot hold any are left out.
    ``needed`` are those and the ones that the condition asks for, default all.

    The rows are looked at once they are read. Arrow would compare the condition with the statistics inside the files
    too, and cannot compare a list of ids with those of a file that ``delete`` wrote: deltalake 1 writes string views.
    """
    part = ds.FileSystemDataset(list(whole.get_fragments(condition)), whole.schema, whole.format)
    schema = pa.schema([whole.schema.field(name) for name in columns])
    batches = (
        batch.filter(condition).select(columns)
        for batch in part.scanner(columns=list(needed) if needed else None).to_reader()
    )
    return pa.RecordBatchReader.from_batches(schema, batches)


def _with_day(rows: pa.Table) -> pa.Table:
    if DAY in rows.column_names:
        return rows
    return rows.append_column(pa.field(DAY, pa.date32()), pc.cast(rows["timestamp"], pa.date32()))


def conform(name: str, rows: pa.Table) -> pa.Table:
    """Rows in the stored schema of a declared table (absent nullable columns are null); of another, with its day.

    Raises InvalidInputError for a column that is missing or null and must not be.
    """
    if name not in TABLES:
        return _with_day(rows) if "timestamp" in rows.column_names else rows
    table = TABLES[name]
    if table.partitioned:
        if "timestamp" not in rows.column_names:
            raise InvalidInputError("timestamp", f"table {name} has a partition a day and needs this column")
        rows = _with_day(rows)
    columns = []
    for field in table.stored_schema:
        if field.name in rows.column_names:
            column = rows[field.name]
        elif pa.types.is_nested(field.type):
            column = pa.array([[]] * rows.num_rows, field.type)
        elif field.nullable:
            column = pa.nulls(rows.num_rows, field.type)
        else:
            raise InvalidInputError(field.name, f"table {name} needs this column")
        if not field.nullable and column.null_count:
            raise InvalidInputError(field.name, f"table {name} allows no null here")
        columns.append(column.cast(field.type))
    return pa.table(columns, schema=table.stored_schema)
