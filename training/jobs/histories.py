"""Step seed_histories: the users' recent actions into their online state, as the stream would have kept them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis

from training.feature_export.activity import seed_users
from training.jobs.dataset import actions_in_order
from training.jobs.run import Run

HELD = "held.json"
"""The version of each user's state, as ``seed_users`` gives it."""


def seed_histories(run: Run, out: Path) -> Mapping[str, Any]:
    """Folds the cleaned actions into the users' online state: what users did depends on no release, so that this need
    not wait for the gate. Report: users. Raises UnavailableError when Redis fails."""
    with redis.Redis.from_url(run.settings.redis_url) as client:
        held = seed_users(client, actions_in_order(run), run.settings.now())
    (out / HELD).write_text(json.dumps(held))
    return {"users": len(held)}


def held_versions(run: Run) -> dict[str, int]:
    """What step seed_histories found."""
    found: dict[str, int] = json.loads((run.output("seed_histories") / HELD).read_text())
    return found
