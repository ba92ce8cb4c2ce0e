"""Logs of experiments to analyse."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.events import Interaction
from contracts.impressions import Impression

START = datetime(2026, 3, 28, tzinfo=UTC)


def at(day: float, seconds: float = 0.0) -> datetime:
    """A moment ``day`` days after START."""
    return START + timedelta(days=day, seconds=seconds)


def shown(user: str, item: str, when: datetime, arm: str | None = "control", **fields: Any) -> dict[str, Any]:
    """An impression of experiment x1."""
    request = fields.pop("request_id", f"{user}-{when.isoformat()}")
    experiment = "x1" if arm else None
    row = Impression(
        request_id=request, user_id=user, item_id=item, position=1, timestamp=when, experiment=experiment, arm=arm
    )
    return row.model_dump()


def acted(user: str, item: str, when: datetime, **fields: Any) -> dict[str, Any]:
    """A click, or what ``fields`` say."""
    base: dict[str, Any] = {"event_id": f"{user}-{item}-{when.isoformat()}", "action": "click"}
    row = Interaction(user_id=user, item_id=item, timestamp=when, source="import", origin="t", **(base | fields))
    return row.model_dump()


def written(folder: Path, impressions: list[dict[str, Any]], interactions: list[dict[str, Any]]) -> tuple[str, str]:
    """Paths of both tables as Parquet."""
    paths = folder / "impressions.parquet", folder / "interactions.parquet"
    pq.write_table(pa.Table.from_pylist(impressions, schema=Impression.arrow_schema()), paths[0])
    pq.write_table(pa.Table.from_pylist(interactions, schema=Interaction.arrow_schema()), paths[1])
    return str(paths[0]), str(paths[1])
