"""Tables of Parquet files with atomic commits (Delta Lake), on local disk or S3."""

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from contracts.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from lake.batches import CountedBatches
from lake.keys import differing, first_of_each, last_of_each, missing_from
from lake.s3 import folders, storage_options
from lake.snapshot import Days, between, conform, dataset, filtered, partitioned, read
from lake.tables import DAY, TABLES

MERGE = "headwater merge"
"""Application id under which merges commit: two of them cannot commit the same number, so the later looks again."""

RETRIES = 20
"""Attempts of a commit that others may win first."""

T = TypeVar("T")


def _sentence(error: Exception) -> str:
    """The storage library's message on one line, without the colours that it adds."""
    return " ".join(re.sub(r"\x1b\[\d+m|↳", " ", str(error)).split())[:300]


def _committed(snapshot: DeltaTable, application: str) -> int:
    version = snapshot.transaction_version(application)
    return -1 if version is None else int(version)


def _around(days: Days, apart: int) -> Days:
    return days[0] - timedelta(days=apart), days[1] + timedelta(days=apart)


class Lake:
    """The lake under ``root``, a folder or ``s3://bucket/prefix``.

    Every write is one atomic commit: a writer killed at any moment leaves the old table or the new one. Credentials of
    S3 are found the way AWS's own tools find them. Tables of lake.tables.TABLES are checked against their schema;
    other names are derived tables, whose schema is that of the rows written, with a partition a day when they have
    a column ``day`` or ``timestamp``.
    """

    def __init__(self, root: str, *, s3_endpoint: str = "", s3_region: str = "us-east-1") -> None:
        self.root = root.rstrip("/")
        self._s3 = (s3_endpoint, s3_region) if self.root.startswith("s3://") else None
        self.storage_options = storage_options(*self._s3) if self._s3 else None

    def uri(self, table: str) -> str:
        """Address of the table's folder."""
        return f"{self.root}/{table}"

    def open(self, table: str) -> DeltaTable | None:
        """The table at its newest commit, or None when nothing was ever written."""
        try:
            return DeltaTable(self.uri(table), storage_options=self.storage_options)
        except TableNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError("the lake", f"{self.uri(table)} cannot be read ({_sentence(error)})") from error

    def version(self, table: str) -> int:
        """Number of the newest commit, -1 when absent."""
        opened = self.open(table)
        return -1 if opened is None else int(opened.version())

    def files(self, table: str, days: Days | None = None) -> list[str]:
        """Addresses of the committed Parquet files (of the days, both included), sorted. Empty when absent."""
        opened = self.open(table)
        if opened is None:
            return []
        uris = opened.file_uris(file_pruning_predicate=between(opened, days))
        return sorted(uri.removeprefix("file://") for uri in uris)

    def days(self, table: str) -> list[date]:
        """Days that have rows, in order. Empty when absent or not partitioned."""
        opened = self.open(table)
        if opened is None or not partitioned(opened):
            return []
        return sorted({date.fromisoformat(str(part[DAY])) for part in opened.partitions()})

    def read(self, table: str, columns: Sequence[str] | None = None, days: Days | None = None) -> pa.Table:
        """Committed rows, in no stated order. A declared table without commits is empty with its schema.

        The partition column is left out of declared tables unless ``columns`` names it.
        Raises NotFoundError for a derived table without commits.
        """
        opened = self.open(table)
        if opened is None:
            if table not in TABLES:
                raise NotFoundError(f"the lake has no table {table}")
            empty = TABLES[table].stored_schema.empty_table()
            return empty.select(list(columns) if columns else TABLES[table].schema.names)
        wanted = columns or (TABLES[table].schema.names if table in TABLES else None)
        return read(opened, wanted, days)

    def scan(self, table: str, condition: pc.Expression | None = None) -> pa.RecordBatchReader:
        """Committed rows as ``read`` gives them, as a stream of bounded memory; ``condition`` picks rows."""
        opened = self.open(table)
        if opened is None:
            return self.read(table).to_reader()
        whole = dataset(opened)
        names = TABLES[table].schema.names if table in TABLES else whole.schema.names
        if condition is None:
            return whole.scanner(columns=names).to_reader()
        return filtered(whole, condition, names)

    def count(self, table: str) -> int:
        """Number of committed rows, 0 when absent."""
        opened = self.open(table)
        return 0 if opened is None else int(opened.count())

    def tables(self) -> list[str]:
        """Names of the tables that have a commit, declared or derived, in order."""
        if self._s3:
            return [name for name in folders(self.root, *self._s3) if self.open(name)]
        return sorted(path.parent.name for path in Path(self.root).glob("*/_delta_log"))

    def append(self, table: str, rows: pa.Table, *, transaction: tuple[str, int] | None = None) -> None:
        """Adds rows in one commit.

        ``transaction`` is (application id, version): an application's version is committed once, so a repeat of it,
        or of an earlier one, changes nothing. Raises InvalidInputError for rows that do not fit the schema.
        """
        rows = conform(table, rows)

        def attempt() -> None:
            opened = self._open_or_create(table, rows.schema)
            if transaction and _committed(opened, transaction[0]) >= transaction[1]:
                return
            if rows.num_rows or transaction:
                self._write(opened, rows, mode="append", transaction=transaction)

        self._retry(table, attempt)

    def committed_version(self, table: str, application: str) -> int:
        """Newest version that ``application`` has committed through ``append``, -1 for none."""
        opened = self.open(table)
        return -1 if opened is None else _committed(opened, application)

    def replace_days(self, table: str, rows: pa.Table, days: Sequence[date]) -> None:
        """Makes ``rows`` all that ``days`` hold, in one commit; other days stay.

        Raises InvalidInputError when a row lies on another day.
        """
        rows = conform(table, rows)
        if DAY not in rows.column_names:
            raise InvalidInputError(DAY, f"table {table} has no days: use replace")
        strays = set(pc.unique(rows[DAY]).to_pylist()) - set(days)
        if strays:
            raise InvalidInputError(DAY, f"rows of {sorted(strays)[0]} are none of the days to be replaced")
        if not days:
            return
        predicate = f"{DAY} IN ({', '.join(repr(day.isoformat()) for day in sorted(set(days)))})"

        def attempt() -> None:
            opened = self._open_or_create(table, rows.schema)
            if rows.num_rows:
                self._write(opened, rows, mode="overwrite", predicate=predicate)
            else:
                opened.delete(predicate)

        self._retry(table, attempt)

    def replace(self, table: str, rows: pa.Table) -> None:
        """Makes ``rows`` the whole table, in one commit."""
        rows = conform(table, rows)
        self._retry(table, lambda: self._write(self._open_or_create(table, rows.schema), rows, mode="overwrite"))

    def delete(self, table: str, predicate: str) -> int:
        """Removes the rows for which the SQL ``predicate`` holds, in one commit. Returns how many; 0 when absent."""

        def attempt() -> int:
            opened = self.open(table)
            return 0 if opened is None else int(opened.delete(predicate)["num_deleted_rows"])

        return self._retry(table, attempt)

    def merge(self, table: str, rows: pa.Table, key: Sequence[str]) -> int:
        """Inserts the rows whose ``key`` columns are not in the table yet; the first of equal keys wins.

        Partitioned tables look for the key between the rows' first and last day, and around them as far as the table
        says. Returns the number inserted. Two merges at once never insert one key twice: the one that commits later
        looks again.
        """
        rows = first_of_each(conform(table, rows), key)
        if not rows.num_rows:
            return 0
        span = pc.min_max(rows[DAY]).as_py() if DAY in rows.column_names else None
        days = (span["min"], span["max"]) if span else None
        name = key[-1]
        return self.insert(
            table,
            rows.schema,
            lambda existing: missing_from(rows, existing, key).to_reader(),
            key,
            days,
            among=pc.field(name).isin(pc.unique(rows[name])) if days else None,
        )

    def insert(
        self,
        table: str,
        schema: pa.Schema,
        missing_from: Callable[[pa.Table], pa.RecordBatchReader],
        key: Sequence[str],
        days: Days | None = None,
        *,
        among: pc.Expression | None = None,
    ) -> int:
        """Merge of a stream in ``schema``: ``missing_from`` gets the ``key`` columns of the table's rows (of ``days``
        and those around them, and of those only the ones for which ``among`` holds) and returns the rows to be added.
        It is called again when another writer was quicker.
        """
        looked_at = _around(days, TABLES[table].apart_days) if days and table in TABLES else days

        def attempt() -> int:
            opened = self._open_or_create(table, schema)
            counted = CountedBatches(missing_from(read(opened, key, looked_at, among)))
            if counted.empty:
                return 0
            self._write(opened, counted.reader(), mode="append", transaction=(MERGE, _committed(opened, MERGE) + 1))
            return counted.rows

        return self._retry(table, attempt)

    def upsert(self, table: str, rows: pa.Table, key: Sequence[str]) -> int:
        """Adds rows and replaces those with the same ``key``, in one commit; the last of equal keys wins.

        Returns the number of rows that are new or differ; none of them, no commit.
        """
        rows = last_of_each(conform(table, rows), key)

        def attempt() -> int:
            opened = self._open_or_create(table, rows.schema)
            found = read(opened, rows.column_names, None)
            changed = differing(rows, found, key)
            if changed.num_rows:
                whole = pa.concat_tables([missing_from(found, changed, key).cast(rows.schema), changed])
                self._write(opened, whole, mode="overwrite", transaction=(MERGE, _committed(opened, MERGE) + 1))
            return int(changed.num_rows)

        return self._retry(table, attempt)

    def compact(self, table: str) -> int:
        """Joins small files of a day into larger ones, in one commit. Returns the number of files removed."""

        def attempt() -> int:
            opened = self.open(table)
            return 0 if opened is None else int(opened.optimize.compact()["numFilesRemoved"])

        return self._retry(table, attempt)

    def vacuum(self, table: str, keep: timedelta = timedelta(days=7)) -> int:
        """Deletes files that no commit younger than ``keep`` uses. Returns how many.

        Readers that opened the table longer than ``keep`` ago lose their files. Ages are those of the files on their
        disk or server, so the system's time counts here and not our clock.
        """
        opened = self.open(table)
        if opened is None:
            return 0
        hours = max(0, int(keep.total_seconds() // 3600))
        return len(opened.vacuum(hours, dry_run=False, enforce_retention_duration=False))

    def _open_or_create(self, table: str, schema: pa.Schema) -> DeltaTable:
        """The table at its newest commit. A check and the write that relies on it use one such snapshot: what others
        commit in between is then seen as a conflict.
        """
        opened = self.open(table)
        if opened is not None:
            return opened
        parts = [DAY] if DAY in schema.names else None
        options = self.storage_options
        return DeltaTable.create(self.uri(table), schema, mode="ignore", partition_by=parts, storage_options=options)

    def _write(
        self,
        opened: DeltaTable,
        rows: pa.Table | pa.RecordBatchReader,
        *,
        mode: str,
        predicate: str | None = None,
        transaction: tuple[str, int] | None = None,
    ) -> None:
        done: list[Any] = [Transaction(*transaction)] if transaction else []
        write_deltalake(
            opened,
            rows,
            mode=mode,
            schema_mode="overwrite" if mode == "overwrite" and predicate is None else "merge",
            predicate=predicate,
            commit_properties=CommitProperties(app_transactions=done or None, max_commit_retries=RETRIES),
        )

    def _retry(self, table: str, attempt: Callable[[], T]) -> T:
        """Runs ``attempt`` again while other writers win the commit."""
        for _ in range(RETRIES):
            try:
                return attempt()
            except CommitFailedError:
                continue
            except DeltaError as error:
                raise UnavailableError("the lake", f"{self.uri(table)} was not written ({_sentence(error)})") from error
            except OSError as error:
                raise UnavailableError("the lake", f"{self.uri(table)} was not written ({_sentence(error)})") from error
        raise ConflictError(f"table {table} kept changing while it was written: run this again")
