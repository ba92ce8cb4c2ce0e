"""What the lake says about the data: rows refused, rows dropped by rule, days that changed after they had ended."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import NotFoundError
from lake.store import Lake

DIRTY_DAYS = "dirty_days"
SHOWN = 50
"""Rows of a list that a panel shows."""


class Quality:
    """Counts over the lake's tables, kept until a table has another commit."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: dict[str, tuple[int, list[dict[str, Any]]]] = {}

    def quarantined(self) -> list[dict[str, Any]]:
        """``table``, ``reason``, ``field``, ``rows``, ``last`` (the newest import's time), most rows first."""
        return self._counted(
            "quarantine",
            ("table", "reason", "field"),
            {"rows": ("import_id", "count"), "last": ("quarantined_at", "max")},
        )

    def examples(self, table: str, reason: str) -> list[dict[str, Any]]:
        """At most ``SHOWN`` rows of one table refused for one reason: where they stood and what they said."""
        chosen = (pc.field("table") == table) & (pc.field("reason") == reason)
        found: list[dict[str, Any]] = []
        for batch in self._lake.scan("quarantine", chosen):
            found += batch.slice(0, SHOWN - len(found)).select(["field", "origin", "payload"]).to_pylist()
            if len(found) == SHOWN:
                break
        return found

    def dropped(self) -> list[dict[str, Any]]:
        """Interactions that the daily runs left out: ``run``, ``reason``, ``rows``, ``users``."""
        return self._counted(
            "dropped", ("run", "reason"), {"rows": ("event_id", "count"), "users": ("user_id", "count_distinct")}
        )

    def dirty_days(self) -> list[dict[str, Any]]:
        """Days that got rows after they had ended: ``table``, ``dirty_day``, ``rows`` (times marked), ``last``."""
        return self._counted(
            DIRTY_DAYS, ("table", "dirty_day"), {"rows": ("marked_at", "count"), "last": ("marked_at", "max")}
        )

    def _counted(self, table: str, keys: tuple[str, ...], counts: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
        version = self._lake.version(table)
        known = self._known.get(table)
        if known is None or known[0] != version:
            columns = [*keys, *dict.fromkeys(column for column, _ in counts.values())]
            known = self._known[table] = (version, _grouped(self._read(table, columns), keys, counts))
        return known[1]

    def _read(self, table: str, columns: list[str]) -> pa.Table:
        try:
            return self._lake.read(table, columns)
        except NotFoundError:
            return pa.table({name: pa.array([], pa.string()) for name in columns})


def _grouped(rows: pa.Table, keys: tuple[str, ...], counts: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    grouped = rows.group_by(list(keys)).aggregate(list(counts.values()))
    named = {name: grouped[f"{column}_{how}"] for name, (column, how) in counts.items()}
    table = pa.table({key: grouped[key] for key in keys} | named)
    found: list[dict[str, Any]] = table.sort_by([("rows", "descending")]).to_pylist()
    return found
