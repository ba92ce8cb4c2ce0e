"""Rows for the tests of the lake."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)


def interactions(names: list[str], day: int = 0) -> pa.Table:
    """One interaction an event id in ``names``, a second apart, ``day`` days after DAY_ONE."""
    count = len(names)
    times = [DAY_ONE + timedelta(days=day, seconds=second) for second in range(count)]
    return pa.table(
        {
            "event_id": pa.array(names, pa.string()),
            "user_id": pa.array(["u"] * count, pa.string()),
            "item_id": pa.array(["i"] * count, pa.string()),
            "action": pa.array(["click"] * count, pa.string()),
            "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
            "source": pa.array(["import"] * count, pa.string()),
            "origin": pa.array(["test:1"] * count, pa.string()),
        }
    )


def items(titles: dict[str, str]) -> pa.Table:
    """One item an entry of ``titles``."""
    return pa.table({"item_id": list(titles), "title": list(titles.values()), "category": [["Drama"]] * len(titles),
                     "attributes": pa.array([[]] * len(titles), pa.map_(pa.string(), pa.string()))})  # fmt: skip
