"""Step seed_histories: the users' recent actions into their online state, as the stream would have kept them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import redis

from training.feature_export.activity import seed_users
from training.jobs.dataset import actions_in_order
from training.jobs.run import Run

HELD = "held.parquet"
"""The version of each user's state, as ``seed_users`` gives it: a table, so that erasing a user finds the row."""


def seed_histories(run: Run, out: Path) -> Mapping[str, Any]:
    """Folds the cleaned actions into the users' online state: what users did depends on no release, so that this need
    not wait for the gate. Report: users. Raises UnavailableError when Redis fails."""
    with redis.Redis.from_url(run.settings.redis_url) as client:
        held = seed_users(client, actions_in_order(run), run.settings.now())
    columns = {"user_id": pa.array(list(held), pa.string()), "version": pa.array(list(held.values()), pa.int64())}
    pq.write_table(pa.table(columns), out / HELD)
    return {"users": len(held)}


def held_versions(run: Run) -> dict[str, int]:
    """What step seed_histories found."""
    table = pq.read_table(run.output("seed_histories") / HELD)
    return dict(zip(table["user_id"].to_pylist(), table["version"].to_pylist(), strict=True))
