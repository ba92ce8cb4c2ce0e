"""Reads source files a chunk of rows at a time, with the line that each row came from."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import InvalidInputError

ROWS = 131_072
"""Rows of a chunk: what is in memory at once."""

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class Malformed:
    """A line that is no row at all."""

    line: int
    reason: str
    payload: str


@dataclass(frozen=True)
class Chunk:
    """Rows as the source names and types them, and ``lines`` int64 [n]: where each begins (Parquet: its number)."""

    rows: pa.Table
    lines: pa.Array
    malformed: list[Malformed] = field(default_factory=list)


Reader = Callable[[], Iterator[Chunk]]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, dict | list | bool) else str(value)


def column_of(values: Sequence[Any]) -> pa.Array:
    """Python values as a column; text when they are of several kinds or too large for a number."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([_text(value) for value in values], pa.string())


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _chunk(names: Sequence[str], rows: list[list[str]], lines: list[int], bad: list[Malformed]) -> Chunk:
    try:
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)] or [
            pa.array([], pa.string()) for _ in names
        ]
    except UnicodeEncodeError:
        good = [all(_encodable(value) for value in row) for row in rows]
        bad = bad + [
            Malformed(line, "encoding", "\t".join(row).encode(errors="replace").decode())
            for row, line, fine in zip(rows, lines, good, strict=True)
            if not fine
        ]
        rows = [row for row, fine in zip(rows, good, strict=True) if fine]
        lines = [line for line, fine in zip(lines, good, strict=True) if fine]
        return _chunk(names, rows, lines, bad)
    return Chunk(pa.table(columns, names=list(names)), pa.array(lines, pa.int64()), bad)


def _lines_of(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, errors="surrogateescape", newline="")


def delimited(
    path: Path, names: Sequence[str], separator: str, *, header: bool, encoding: str = "utf-8-sig"
) -> Iterator[Chunk]:
    """Rows of a text file. A separator of one character follows CSV's quoting, a longer one (``::``) has none.

    A row with another number of fields is malformed. Empty lines are passed over.
    """
    with _lines_of(path, encoding) as file:
        if len(separator) == 1:
            reader = csv.reader(file, delimiter=separator, strict=False)
            numbered: Iterator[tuple[int, list[str]]] = _with_first_line(reader)
        else:
            numbered = ((number, line.rstrip("\r\n").split(separator)) for number, line in enumerate(file, 1))
        if header:
            next(numbered, None)
        rows: list[list[str]] = []
        lines: list[int] = []
        bad: list[Malformed] = []
        width = len(names)
        for number, row in numbered:
            if len(row) == width:
                rows.append(row)
                lines.append(number)
            elif row not in ([], [""]):
                payload = separator.join(row).encode(errors="replace").decode()
                bad.append(Malformed(number, "field_count", payload))
            if len(rows) + len(bad) >= ROWS:
                yield _chunk(names, rows, lines, bad)
                rows, lines, bad = [], [], []
        yield _chunk(names, rows, lines, bad)


def _with_first_line(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows of a csv reader with the line that each begins on."""
    first = 1
    for row in _without_csv_errors(reader):
        yield first, row
        first = reader.line_num + 1


def _without_csv_errors(reader: Any) -> Iterator[list[str]]:
    """A field longer than csv allows becomes a row of no fields that counts, so that it is reported as malformed."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield [f"{error}", "", "unreadable"]


def header_of(path: Path, wanted: Sequence[str]) -> tuple[list[str], str]:
    """Column names of a CSV file and its separator: the one under which most of ``wanted`` are found.

    Raises InvalidInputError for an empty file.
    """
    with _lines_of(path, "utf-8-sig") as file:
        line = file.readline()
    if not line.strip():
        raise InvalidInputError(path.name, "is empty; its first line must name the columns")
    split = {mark: [name.strip() for name in next(csv.reader([line], delimiter=mark))] for mark in SEPARATORS}
    mark = max(SEPARATORS, key=lambda mark: (len(set(split[mark]) & set(wanted)), len(split[mark])))
    names = split[mark]
    if len(set(names)) != len(names):
        raise InvalidInputError(path.name, "names a column twice in its first line")
    return names, mark


def json_lines(path: Path) -> Iterator[Chunk]:
    """Rows of a file with one JSON object a line; the columns of a chunk are all that occur in it."""
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    bad: list[Malformed] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                record = None
            if isinstance(record, dict):
                records.append(record)
                lines.append(number)
            else:
                bad.append(Malformed(number, "no_json_object", line.decode(errors="replace").strip()))
            if len(records) + len(bad) >= ROWS:
                yield _records_chunk(records, lines, bad)
                records, lines, bad = [], [], []
    yield _records_chunk(records, lines, bad)


def _records_chunk(records: list[dict[str, Any]], lines: list[int], bad: list[Malformed]) -> Chunk:
    names = list(dict.fromkeys(name for record in records for name in record))
    columns = [column_of([record.get(name) for record in records]) for name in names]
    rows = pa.table(columns, names=names) if names else pa.table({"": pa.nulls(len(records), pa.string())})
    return Chunk(rows, pa.array(lines, pa.int64()), bad)


def parquet(path: Path) -> Iterator[Chunk]:
    """Rows of a Parquet file, numbered from 1. Raises InvalidInputError for a broken one."""
    first = 1
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=ROWS):
                lines = pa.array(range(first, first + batch.num_rows), pa.int64())
                first += batch.num_rows
                yield Chunk(pa.Table.from_batches([batch]), lines)
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInputError(path.name, f"is no complete Parquet file ({' '.join(str(error).split())})") from error
