"""Runs with steps that count as done, without doing them."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.catalogue import Item
from contracts.events import Interaction
from contracts.settings import Settings
from feature_repo.daily_views import DAILY
from lake.store import Lake
from training.jobs.outputs import INTERACTIONS
from training.jobs.run import DONE, Inputs, Run, create_run

END = datetime(2026, 3, 11, tzinfo=UTC)
RUN = "r0123456789ab"
LIMITS = {"train_label_rows": 500_000, "train_holdout_share": 0.2}


def inputs(data_hash: str = "d") -> Inputs:
    start = END - timedelta(days=30)
    return Inputs(start.isoformat(), END.isoformat(), data_hash, 7, 10, "c", 0.0, dict(LIMITS))


def new_run(home: Path, **settings: Any) -> Run:
    """A planned run of a home of its own."""
    return create_run(RUN, inputs(), Settings(home=home, clock="real", **settings))


def done(run: Run, step: str, report: Mapping[str, Any] | None = None) -> Path:
    """Marks a step as done with a report; returns its folder for the files that it would have written."""
    folder = run.path / step
    folder.mkdir(parents=True, exist_ok=True)
    state = {"inputs": "", "token": uuid.uuid4().hex, "report": dict(report or {})}
    (folder / DONE).write_text(json.dumps(state))
    return folder


def actions(users: int = 12, each: int = 10, items: int = 8) -> pa.Table:
    """Interactions of ``users``, an action an hour until END; user ``u`` walks through the items from item ``u``."""
    rows = [(u, n) for u in range(users) for n in range(each)]
    columns: dict[str, list[Any]] = {
        "event_id": [f"e{u}-{n}" for u, n in rows],
        "user_id": [f"u{u:02}" for u, _ in rows],
        "item_id": [f"i{(u + n) % items}" for u, n in rows],
        "action": ["click"] * len(rows),
        "timestamp": [END - timedelta(hours=each - n, minutes=u) for u, n in rows],
        "source": ["import"] * len(rows),
        "origin": [f"file:{at}" for at in range(len(rows))],
    }
    nothing = {name: [None] * len(rows) for name in Interaction.model_fields if name not in columns}
    return pa.table(columns | nothing, schema=Interaction.arrow_schema())


def cleaned(run: Run, kept: pa.Table) -> None:
    """What the steps clean and features would have left of ``kept``, and the items in the lake."""
    folder = done(run, "clean", {"kept": len(kept), "dropped": {}}) / INTERACTIONS
    folder.mkdir()
    pq.write_table(kept, folder / "part.parquet")
    ids = sorted(set(kept["item_id"].to_pylist()))
    items = [
        {"item_id": item_id, "category": ["a", "b"] if at % 2 else ["a"], "attributes": []}
        for at, item_id in enumerate(ids)
    ]
    Lake(run.settings.lake).replace("items", pa.Table.from_pylist(items, Item.arrow_schema()))
    features = done(run, "features", {"labels": "sampled negatives"})
    for view, (entity, listed) in DAILY.items():
        ids = sorted(set(kept[entity].to_pylist()))
        table = pa.table(
            {
                entity: ids,
                "event_timestamp": pa.array([END - timedelta(days=1)] * len(ids), pa.timestamp("us", tz="UTC")),
                **{feature.name: pa.array([1.0] * len(ids), pa.float32()) for feature in listed},
            }
        )
        (features / view).mkdir()
        pq.write_table(table, features / view / "part.parquet")
