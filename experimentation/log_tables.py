"""The lake's tables as DuckDB reads them: in the declared shape, up to a moment, within stated resources."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from fsspec import AbstractFileSystem

from contracts.catalogue import Item, User
from contracts.errors import UnavailableError
from contracts.events import Interaction
from contracts.impressions import Confirmation, Impression
from contracts.rows import Row

DAY_US = 86_400_000_000
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Logs:
    """Parquet files of the lake's tables. ``items`` give coverage and the share of new items, ``users`` the cohorts,
    ``confirmations`` what clients say was seen."""

    impressions: Sequence[str]
    interactions: Sequence[str] = ()
    items: Sequence[str] = ()
    users: Sequence[str] = ()
    confirmations: Sequence[str] = ()


@dataclass(frozen=True)
class Resources:
    """What DuckDB may use: memory in MB, threads, a folder to spill into, and fsspec's filesystem where the files are
    not on this disk."""

    memory_mb: int = 1200
    threads: int = 2
    spill: Path | None = None
    filesystem: AbstractFileSystem | None = None


@contextmanager
def opened(logs: Logs, until: date, resources: Resources) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the views ``seen`` (impressions) and ``done`` (interactions) up to the end of the UTC day
    ``until``, ``catalogue`` and ``people``. ``moment`` is epoch microseconds. Raises UnavailableError for files that
    cannot be read."""
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{int(resources.memory_mb)}MB'")
        connection.execute(f"SET threads = {int(resources.threads)}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        if resources.spill is not None:
            connection.execute(f"SET temp_directory = '{resources.spill}'")
        if resources.filesystem is not None:
            connection.register_filesystem(resources.filesystem)
        try:
            _views(connection, logs, ((until - EPOCH).days + 1) * DAY_US)
            yield connection
        except duckdb.IOException as error:
            raise UnavailableError("the lake", str(error).splitlines()[0]) from error


def _views(connection: duckdb.DuckDBPyConnection, logs: Logs, end: int) -> None:
    for name, row, files in (
        ("impressions", Impression, logs.impressions),
        ("interactions", Interaction, logs.interactions),
        ("catalogue", Item, logs.items),
        ("people", User, logs.users),
        ("confirmed", Confirmation, logs.confirmations),
    ):
        _view(connection, name, row, files)
    connection.execute(
        "CREATE VIEW seen AS SELECT request_id, user_id, item_id, position, experiment, arm, team, latency_ms, "
        f"degraded, epoch_us(timestamp) AS moment FROM impressions WHERE epoch_us(timestamp) < {end}"
    )
    connection.execute(
        "CREATE VIEW done AS SELECT event_id, request_id, user_id, item_id, action, value, "
        f"epoch_us(timestamp) AS moment FROM interactions WHERE epoch_us(timestamp) < {end}"
    )


def _view(connection: duckdb.DuckDBPyConnection, name: str, row: type[Row], files: Sequence[str]) -> None:
    """The declared columns, empty where files written before a column was declared lack it."""
    connection.from_arrow(row.arrow_schema().empty_table()).create(f"declared_{name}")
    parts = [f"SELECT * FROM declared_{name}"]
    if files:
        connection.read_parquet(list(files), union_by_name=True).create_view(f"written_{name}")
        parts.append(f"SELECT * FROM written_{name}")
    connection.execute(f"CREATE VIEW {name} AS {' UNION ALL BY NAME '.join(parts)}")
