"""Rows for the tests of this folder, in the columns that the lake has."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from contracts.events import Interaction
from contracts.impressions import Impression

START = datetime(2026, 3, 1, tzinfo=UTC)
_numbers = count()


def at(days: float = 0, hours: float = 0, seconds: float = 0) -> datetime:
    return START + timedelta(days=days, hours=hours, seconds=seconds)


def interaction(user: str, item: str, when: datetime, action: str = "click", **fields: Any) -> dict[str, Any]:
    row = dict.fromkeys(Interaction.model_fields)
    number = next(_numbers)
    return row | {
        "event_id": f"e{number}", "user_id": user, "item_id": item, "action": action, "timestamp": when,
        "source": "import", "origin": f"file:{number}",
    } | fields  # fmt: skip


def impression(request: str, user: str, item: str, when: datetime, position: int = 1) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(Impression.model_fields)
    return row | {
        "request_id": request, "user_id": user, "item_id": item, "position": position, "timestamp": when,
        "sources": [], "features": [],
    }  # fmt: skip


def frame(spark: SparkSession, rows: list[dict[str, Any]], model: Any = Interaction) -> DataFrame:
    schema = from_arrow_schema(model.arrow_schema())
    for field in schema.fields:
        field.nullable = True
    return spark.createDataFrame([tuple(row[name] for name in schema.names) for row in rows], schema)
