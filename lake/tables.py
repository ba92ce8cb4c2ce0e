"""The declared tables of the lake and the Parquet schema of each."""

from dataclasses import dataclass

import pyarrow as pa

from contracts import topics
from contracts.catalogue import Item, User
from contracts.errors import InvalidInputError
from contracts.events import DroppedInteraction, Interaction, QuarantinedRow
from contracts.imports import ImportRecord
from contracts.impressions import Confirmation, Impression
from contracts.rows import Row

DAY = "day"
"""Partition column: the UTC date of ``timestamp``."""

STREAM = "stream"
"""``source`` of the interactions that the reader's view ``events`` shows."""

RETENTION_DAYS = topics.EVENTS.retention_ms // topics.DAY_MS
"""An event may come into the lake so many days after it was sent."""


@dataclass(frozen=True)
class Table:
    """A declared table. ``partitioned`` tables have a column ``timestamp`` and are laid out a folder a day.

    ``key`` names the columns that identify a row; a merge inserts a row only when its key is new. Of a partitioned
    table it looks ``apart_days`` before and after the days of the new rows too: a repetition may carry another time.
    """

    name: str
    row: type[Row]
    partitioned: bool
    key: tuple[str, ...]
    apart_days: int = 0

    @property
    def schema(self) -> pa.Schema:
        """Schema of the rows that readers get, without the partition column."""
        return self.row.arrow_schema()

    @property
    def stored_schema(self) -> pa.Schema:
        """Schema as stored: with the partition column where there is one."""
        return self.schema.append(pa.field(DAY, pa.date32())) if self.partitioned else self.schema


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        # Clients number their events themselves, and one sent again without a time gets that of its arrival.
        Table("interactions", Interaction, partitioned=True, key=("user_id", "event_id"), apart_days=RETENTION_DAYS),
        Table("impressions", Impression, partitioned=True, key=("request_id", "item_id")),
        Table("confirmations", Confirmation, partitioned=True, key=("request_id", "item_id")),
        Table("items", Item, partitioned=False, key=("item_id",)),
        Table("users", User, partitioned=False, key=("user_id",)),
        Table("quarantine", QuarantinedRow, partitioned=False, key=("table", "reason", "origin", "payload")),
        Table("imports", ImportRecord, partitioned=False, key=("id", "state")),
        Table("dropped", DroppedInteraction, partitioned=True, key=("user_id", "event_id", "run")),
    )
}

EVENTS = "events"
"""A view, not a table: interactions whose source is the stream."""


def declared(name: str) -> Table:
    """The declared table ``name``. Raises InvalidInputError naming those that exist."""
    if name not in TABLES:
        raise InvalidInputError("table", f"{name!r} is none of {', '.join(sorted(TABLES))}")
    return TABLES[name]
