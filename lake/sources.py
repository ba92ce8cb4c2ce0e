"""Finds the tables in what a person points at: a zip, a folder or a single file."""

import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from pyarrow import ArrowInvalid

from contracts.errors import InvalidInputError
from lake.chunks import Reader, delimited, header_of, json_lines, parquet
from lake.mapping import IMPORTED, Mapping
from lake.movielens import LAYOUTS, movielens_tables
from lake.tables import TABLES

SUFFIXES = (".parquet", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")
REQUIRED = {
    "interactions": ("user_id", "item_id", "timestamp"),
    "items": ("item_id",),
    "users": ("user_id",),
    "impressions": ("request_id", "user_id", "item_id", "position", "timestamp"),
}
UNTIMED = "without times there are no days to train on; try `headwater evaluate --protocol given-split` instead"


@dataclass(frozen=True)
class Source:
    """One table of an import. ``columns`` are the names in the file, None where only reading tells (JSON Lines)."""

    table: str
    path: Path
    columns: list[str] | None
    chunks: Reader


def unpacked(path: Path, room: Path) -> Path:
    """The folder or file to read: a zip's known files are unpacked into ``room``, anything else stays in place.

    Raises InvalidInputError when ``path`` is missing, or a zip is empty, cut or damaged.
    """
    if not path.exists():
        raise InvalidInputError("PATH", f"{path} does not exist")
    if path.suffix.lower() != ".zip":
        return path
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and _known(Path(m.filename).name)]
            if not members:
                raise InvalidInputError("PATH", f"{path} holds no table: {_allowed()}")
            needed, free = sum(member.file_size for member in members), shutil.disk_usage(room).free
            if needed > free:
                raise InvalidInputError("PATH", f"{path} needs {needed >> 20} MiB to unpack, {free >> 20} are free")
            for member in members:
                with archive.open(member) as source, (room / Path(member.filename).name).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InvalidInputError("PATH", f"{path} is no complete zip file ({error}): fetch it again") from error
    return room


def _known(name: str) -> bool:
    movielens = {"ratings.dat", "users.dat", "movies.dat", "u.data", "u.item", "u.user", "ratings.csv", "movies.csv"}
    return name in movielens or (Path(name).suffix.lower() in SUFFIXES and Path(name).stem in IMPORTED)


def _allowed() -> str:
    return (
        f"expected a MovieLens layout ({', '.join(LAYOUTS)}) or files named {', '.join(IMPORTED)} "
        "as .parquet, .csv or .jsonl"
    )


def find_sources(path: Path, mapping: Mapping) -> list[Source]:
    """The tables under ``path`` (a folder, or one file), their required columns checked.

    Raises InvalidInputError naming the file and column that is missing, or what is allowed.
    """
    if path.is_file():
        found = {path.stem if path.stem in IMPORTED else "interactions": path}
    else:
        movielens = movielens_tables(path)
        if movielens and not mapping.files:
            return [Source(name, file, columns, chunks) for name, (file, columns, chunks) in movielens.items()]
        found = _named_files(path, mapping)
        if "interactions" not in found:
            raise InvalidInputError("PATH", f"{path} holds no table interactions: {_allowed()}")
    return [_source(table, file, mapping) for table, file in found.items()]


def _named_files(folder: Path, mapping: Mapping) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for table in IMPORTED:
        if table in mapping.files:
            candidates = [folder / mapping.files[table]]
            if not candidates[0].is_file():
                raise InvalidInputError(f"--map files.{table}", f"{candidates[0]} does not exist")
        else:
            candidates = sorted(p for p in folder.iterdir() if p.stem == table and p.suffix.lower() in SUFFIXES)
        if len(candidates) > 1:
            raise InvalidInputError(
                "PATH", f"{folder} has table {table} twice: {', '.join(p.name for p in candidates)}"
            )
        if candidates:
            found[table] = candidates[0]
    return found


def _source(table: str, path: Path, mapping: Mapping) -> Source:
    renamed = mapping.columns.get(table, {})
    wanted = [renamed.get(column, column) for column in TABLES[table].schema.names]
    kind = path.suffix.lower()
    columns: list[str] | None = None
    if kind == ".parquet":
        try:
            columns = pq.read_schema(path).names
        except (ArrowInvalid, OSError) as error:
            raise InvalidInputError(
                path.name, f"is no complete Parquet file ({' '.join(str(error).split())})"
            ) from error
        chunks: Reader = partial(parquet, path)
    elif kind in (".jsonl", ".ndjson", ".json"):
        chunks = partial(json_lines, path)
        first = next(json_lines(path))
        columns = first.rows.column_names
    elif kind in SUFFIXES:
        columns, separator = header_of(path, wanted)
        chunks = partial(delimited, path, columns, separator, header=True)
    else:
        raise InvalidInputError(
            "PATH", f"{path.name} is none of {', '.join(SUFFIXES)}, or a zip or folder of such files"
        )
    for column in (*REQUIRED[table], *renamed):
        source = renamed.get(column, column)
        if source not in columns:
            hint = (
                UNTIMED
                if column == "timestamp" and table == "interactions" and column not in renamed
                else ("name its source column with --map, or check the separator (comma, semicolon, tab or bar)")
            )
            raise InvalidInputError(
                column, f"{path.name} has no column {source!r} (it has {', '.join(map(repr, columns[:20]))}); {hint}"
            )
    return Source(table, path, columns, chunks)


def content_hash(sources: list[Source]) -> str:
    """sha256 over the bytes of all files, in the order of the tables' names."""
    digest = hashlib.sha256()
    for source in sorted(sources, key=lambda source: source.table):
        digest.update(f"{source.table}\0".encode())
        for block in _blocks(source.path):
            digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block
