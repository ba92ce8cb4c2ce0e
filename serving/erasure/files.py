"""Files that hold rows of users: Parquet tables under a folder, and impressions that wait for Kafka."""

import uuid
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from serving.impressions import SET_ASIDE, SPILL, taken


def erase_from_tables(folder: Path, column: str, value: str) -> int:
    """Rewrites every Parquet file under ``folder`` without the rows whose ``column`` is ``value``. Returns how many
    rows there were. Each file is replaced by one rename: a reader sees the old one or the new one."""
    removed = 0
    for path in sorted(folder.rglob("*.parquet")):
        if column not in pq.read_schema(path).names:
            continue
        rows = pq.ParquetFile(path).read()
        hit = pc.fill_null(pc.equal(rows[column].cast(pa.string()), value), False)
        found = int(pc.sum(hit).as_py() or 0)
        if found:
            partial = _beside(path)
            pq.write_table(rows.filter(pc.invert(hit)), partial)
            partial.rename(path)
            removed += found
    return removed


def erase_from_lines(folder: Path, key: str, value: str) -> int:
    """The same for the spilled files of JSON lines in ``folder``, and for the lines set aside of them; one that is
    being sent is left to the topic."""
    removed = 0
    for path in sorted([*folder.glob(f"*{SPILL}"), *folder.glob(f"*{SET_ASIDE}")]):
        with taken(path) as file:
            if file is None:
                continue
            lines = file.read().splitlines()
            kept = [line for line in lines if not _names(line, key, value)]
            if len(kept) < len(lines):
                partial = _beside(path)
                partial.write_bytes(b"".join(line + b"\n" for line in kept))
                partial.rename(path)
                removed += len(lines) - len(kept)
    return removed


def _names(line: bytes, key: str, value: str) -> bool:
    """Whether a line is of the user; one that was cut off is when it holds the id anywhere."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        row = None
    if isinstance(row, dict):
        return bool(row.get(key) == value)
    return value.encode() in line or orjson.dumps(value)[1:-1] in line


def _beside(path: Path) -> Path:
    return path.with_name(f".{uuid.uuid4().hex}.partial")
