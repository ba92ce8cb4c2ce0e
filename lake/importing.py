"""Brings a person's tables into the lake: checked row by row, each table in one commit, the same file only once."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from contracts.clock import Clock, utc
from contracts.events import QuarantinedRow
from contracts.imports import ImportRecord, ImportState
from lake.mapping import Mapping
from lake.row_contract import LINE, RowContract
from lake.sources import Source, content_hash, find_sources, unpacked
from lake.staging import Staged
from lake.store import Lake
from lake.tables import TABLES

Progress = Callable[[str], None]

ORDER = ("items", "users", "impressions", "interactions")
"""Order of the commits: what interactions refer to is there before them."""


@dataclass
class TableCounts:
    """Rows of one table: in the file and sound, put into the lake, known already, and quarantined by reason."""

    accepted: int = 0
    inserted: int = 0
    duplicates: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportReport:
    """What an import did. ``repeated`` is true when the same content had been imported before."""

    id: str
    path: str
    repeated: bool
    shifted_seconds: float
    tables: dict[str, TableCounts]


def import_path(
    lake: Lake,
    path: Path,
    *,
    clock: Clock,
    mapping: Mapping | None = None,
    shift_to_now: bool = False,
    future_seconds: int = 60,
    progress: Progress = lambda _: None,
) -> ImportReport:
    """Imports a MovieLens zip, a folder of tables or a single file.

    Rows that break the contract go to table ``quarantine`` with reason, field, ``file:line`` and payload. Each table
    is one commit and all are merges by key, so a killed import is completed by running it again, and a grown table
    adds only its new rows. ``shift_to_now`` adds to every time what makes the last interaction happen now; content
    imported before from the same path keeps its first shift. Raises InvalidInputError (nothing is written then) and
    UnavailableError.
    """
    mapping = mapping or Mapping()
    now = clock()
    with tempfile.TemporaryDirectory(prefix="headwater-import-") as scratch:
        room = Path(scratch)
        sources = find_sources(unpacked(path, room), mapping)
        digest = content_hash(sources)
        identity = hashlib.sha256(orjson.dumps([digest, asdict(mapping), shift_to_now])).hexdigest()[:16]
        records = lake.read("imports").to_pylist()
        done = [r for r in records if r["id"] == identity and r["state"] == ImportState.COMPLETE]
        if done:
            return _repeated(done[0])
        staged = [_stage(source, mapping, now + future_seconds, room, progress) for source in sources]
        shift = _shift(records, identity, str(path), staged, now) if shift_to_now else 0.0
        record = ImportRecord(
            id=identity, state=ImportState.STARTED, path=str(path), sha256=digest, counts={}, shifted_seconds=shift,
            imported_at=utc(now),
        )  # fmt: skip
        _note(lake, record)
        counts = {}
        for table in sorted(staged, key=lambda one: ORDER.index(one.table)):
            progress(f"writing {table.accepted} rows to {table.table}")
            counts[table.table] = _commit(lake, table, identity, shift, utc(now))
        _note(lake, record.model_copy(update={"state": ImportState.COMPLETE, "counts": _flat(counts)}))
        return ImportReport(identity, str(path), repeated=False, shifted_seconds=shift, tables=counts)


def _stage(source: Source, mapping: Mapping, latest: float, room: Path, progress: Progress) -> Staged:
    contract = RowContract(source.table, mapping, latest)
    with Staged(source.table, room, source.path.name) as staged:
        for chunk in source.chunks():
            staged.add(contract.check(chunk))
            progress(f"{source.path.name}: {staged.accepted} rows accepted, {staged.reasons.total()} quarantined")
    return staged


def _shift(records: list[dict[str, object]], identity: str, path: str, staged: list[Staged], now: float) -> float:
    """The constant that earlier imports of this content, or else of this path, have used; else a new one."""
    for known in ({"id": identity}, {"path": path}):
        for record in records:
            if record["shifted_seconds"] and all(record[name] == value for name, value in known.items()):
                return float(str(record["shifted_seconds"]))
    spans = [table.span for table in staged if table.table == "interactions" and table.span]
    return round(now - spans[0][1], 6) if spans else 0.0


def _commit(lake: Lake, staged: Staged, identity: str, shift: float, now: datetime) -> TableCounts:
    table = TABLES[staged.table]
    if table.partitioned:
        days = None
        if staged.span:
            first, last = (datetime.fromtimestamp(edge + shift, tz=UTC).date() for edge in staged.span)
            days = (first, last)
        inserted = lake.insert(
            table.name, table.stored_schema, lambda found: staged.missing_from(found, shift), table.key, days
        )
    else:
        rows = staged.rows()
        shifted = pc.add(rows["created_at"].cast(pa.int64()), round(shift * 1e6)).cast(rows["created_at"].type)
        rows = rows.set_column(rows.column_names.index("created_at"), "created_at", shifted)
        inserted = lake.upsert(table.name, rows.drop_columns([LINE]), table.key)
    faults = staged.faults()
    if faults.num_rows:
        lake.merge("quarantine", _quarantined(staged, faults, identity, now), TABLES["quarantine"].key)
    return TableCounts(staged.accepted, inserted, staged.accepted - inserted, dict(sorted(staged.reasons.items())))


def _quarantined(staged: Staged, faults: pa.Table, identity: str, now: datetime) -> pa.Table:
    def constant(value: object) -> pa.Array:
        return pa.array([value] * faults.num_rows)

    columns = {
        "table": constant(staged.table),
        "reason": faults["reason"],
        "field": faults["field"],
        "origin": staged.origins(faults[LINE]),
        "payload": faults["payload"],
        "quarantined_at": constant(now),
        "import_id": constant(identity),
    }
    return pa.table(columns).cast(QuarantinedRow.arrow_schema())


def _note(lake: Lake, record: ImportRecord) -> None:
    row = record.model_dump(mode="python") | {"state": record.state.value, "counts": list(record.counts.items())}
    lake.merge("imports", pa.Table.from_pylist([row], ImportRecord.arrow_schema()), TABLES["imports"].key)


def _flat(counts: dict[str, TableCounts]) -> dict[str, int]:
    flat: dict[str, int] = {}
    for table, found in counts.items():
        flat |= {f"{table}.accepted": found.accepted, f"{table}.inserted": found.inserted}
        flat |= {f"{table}.duplicates": found.duplicates}
        flat |= {f"{table}.quarantined.{reason}": number for reason, number in found.quarantined.items()}
    return flat


def _repeated(record: dict[str, object]) -> ImportReport:
    """Counts of the first time, with nothing inserted now."""
    tables: dict[str, TableCounts] = {}
    for name, number in dict(record["counts"]).items():  # type: ignore[call-overload]
        table, kind, *reason = name.split(".", 2)
        counts = tables.setdefault(table, TableCounts())
        if reason:
            counts.quarantined[reason[0]] = number
        elif kind == "accepted":
            counts.accepted = counts.duplicates = number
    return ImportReport(
        str(record["id"]), str(record["path"]), repeated=True, shifted_seconds=float(str(record["shifted_seconds"])),
        tables=tables,
    )  # fmt: skip
