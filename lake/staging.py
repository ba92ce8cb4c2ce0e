"""Checked rows on their way into the lake: in Parquet files of a scratch folder, so that memory stays bounded."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.chunks import ROWS
from lake.parsing import TIME
from lake.row_contract import LINE, Checked
from lake.tables import DAY, TABLES

IMPORT = "import"
"""``source`` of an interaction that came through an import."""

MEMORY = "2GB"
"""What sorting and joining may hold before they spill to the scratch folder."""

FAULTS = pa.schema([(LINE, pa.int64()), ("reason", pa.string()), ("field", pa.string()), ("payload", pa.string())])

EVENT_ID = """
    CASE WHEN event_id IS NOT NULL THEN event_id
    ELSE 'h' || substr(md5(concat_ws(chr(31), user_id, item_id, action, timestamp)), 1, 24) END
"""
"""An event without an id gets one from what it says: a user does the same with an item once at one moment."""


class Staged:
    """One table of an import: accepted rows and faults, with their counts."""

    def __init__(self, table: str, room: Path, label: str) -> None:
        self.table = table
        self.label = label
        self.accepted = 0
        self.reasons: Counter[str] = Counter()
        self.span: tuple[float, float] | None = None
        self._rows = room / f"{table}.rows.parquet"
        self._faults = room / f"{table}.faults.parquet"
        self._writers: dict[Path, pq.ParquetWriter] = {}
        self._room = room

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()

    def _write(self, path: Path, rows: pa.Table) -> None:
        if path not in self._writers:
            self._writers[path] = pq.ParquetWriter(path, rows.schema, compression="lz4")
        self._writers[path].write_table(rows)

    def add(self, checked: Checked) -> None:
        """Keeps a checked chunk."""
        self._write(self._rows, checked.accepted)
        self._write(
            self._faults, pa.table(list(map(list, zip(*checked.faults, strict=True))) or [[], [], [], []], FAULTS)
        )
        self.accepted += checked.accepted.num_rows
        self.reasons.update(reason for _, reason, _, _ in checked.faults)
        if "timestamp" in checked.accepted.column_names and checked.accepted.num_rows:
            edges = pc.min_max(checked.accepted["timestamp"]).as_py()
            first, last = edges["min"] / 1e6, edges["max"] / 1e6
            self.span = (min(first, self.span[0]), max(last, self.span[1])) if self.span else (first, last)

    def rows(self) -> pa.Table:
        """All accepted rows, in the order of the file, with LINE."""
        self._flush()
        return pq.read_table(self._rows)

    def faults(self) -> pa.Table:
        """All faults, in the order of the file."""
        self._flush()
        return pq.read_table(self._faults)

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def missing_from(self, existing: pa.Table, shift: float) -> pa.RecordBatchReader:
        """Accepted rows whose key is not in ``existing``, once each, as the lake stores them (by day, then line).

        ``shift`` seconds are added to every time; ids made from the content are those of the unshifted row.
        """
        self._flush()
        table = TABLES[self.table]
        key = ", ".join(table.key)
        identified = f"SELECT * REPLACE ({EVENT_ID} AS event_id)" if self.table == "interactions" else "SELECT *"
        query = f"""
            SELECT * FROM (
                SELECT * FROM ({identified} FROM read_parquet($rows))
                QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY line) = 1
            ) incoming ANTI JOIN existing USING ({key})
            ORDER BY (timestamp + $shift) // 86400000000, line
        """
        connection = duckdb.connect()
        connection.execute(f"SET memory_limit = '{MEMORY}'; SET threads = 2")
        connection.execute("SET temp_directory = ?", [str(self._room / "spill")])
        connection.register("existing", existing.select(list(table.key)))
        reader = connection.sql(query, params={"rows": str(self._rows), "shift": round(shift * 1e6)}).to_arrow_reader(
            ROWS
        )

        def batches() -> Iterator[pa.RecordBatch]:
            with connection:
                for batch in reader:
                    yield from self._stored(pa.Table.from_batches([batch]), shift).to_batches()

        return pa.RecordBatchReader.from_batches(table.stored_schema, batches())

    def _stored(self, rows: pa.Table, shift: float) -> pa.Table:
        times = pc.add(rows["timestamp"], round(shift * 1e6)).cast(TIME)
        given = {
            "timestamp": times,
            DAY: times.cast(pa.timestamp("us")).cast(pa.date32()),
            "source": pa.array([IMPORT] * rows.num_rows),
            "origin": self.origins(rows[LINE]),
        }
        columns = []
        for field in TABLES[self.table].stored_schema:
            column = given.get(field.name, rows[field.name] if field.name in rows.column_names else None)
            columns.append(_empty(field, rows.num_rows) if column is None else column.cast(field.type))
        return pa.table(columns, schema=TABLES[self.table].stored_schema)

    def origins(self, lines: pa.ChunkedArray) -> pa.ChunkedArray:
        """``file:line`` of each row."""
        return pc.binary_join_element_wise(self.label, lines.cast(pa.string()), ":")


def _empty(field: pa.Field, count: int) -> pa.Array:
    if pa.types.is_list(field.type):
        return pa.array([[]] * count, field.type)
    return pa.nulls(count, field.type)
