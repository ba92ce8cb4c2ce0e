"""Logs of experiments to analyse."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.catalogue import Item, User
from contracts.events import Interaction
from contracts.impressions import Confirmation, Impression
from experimentation.log_tables import Logs

START = datetime(2026, 3, 28, tzinfo=UTC)


def at(day: float, seconds: float = 0.0) -> datetime:
    """A moment ``day`` days after START."""
    return START + timedelta(days=day, seconds=seconds)


def shown(user: str, item: str, when: datetime, arm: str | None = "control", **fields: Any) -> dict[str, Any]:
    """An impression of experiment x1, or what ``fields`` say."""
    base: dict[str, Any] = {"request_id": f"{user}-{when.isoformat()}", "position": 1}
    base |= {"experiment": "x1" if arm else None, "arm": arm}
    return Impression(user_id=user, item_id=item, timestamp=when, **(base | fields)).model_dump()


def acted(user: str, item: str, when: datetime, **fields: Any) -> dict[str, Any]:
    """A click, or what ``fields`` say."""
    base: dict[str, Any] = {"event_id": f"{user}-{item}-{when.isoformat()}", "action": "click"}
    row = Interaction(user_id=user, item_id=item, timestamp=when, source="import", origin="t", **(base | fields))
    return row.model_dump()


def written(
    folder: Path,
    impressions: list[dict[str, Any]],
    interactions: list[dict[str, Any]],
    items: list[Item] | None = None,
    users: list[User] | None = None,
    confirmations: list[Confirmation] | None = None,
) -> Logs:
    """The tables as Parquet files."""
    files = []
    for row, rows in (
        (Impression, impressions),
        (Interaction, interactions),
        (Item, [one.model_dump() for one in items or []]),
        (User, [one.model_dump() for one in users or []]),
        (Confirmation, [one.model_dump() for one in confirmations or []]),
    ):
        path = folder / f"{row.__name__}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=row.arrow_schema()), path)
        files.append([str(path)])
    return Logs(*files)
