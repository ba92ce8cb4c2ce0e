"""Whom the serving benchmark asks for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.serving.bench import active_users
from contracts.errors import UnavailableError
from contracts.events import Action, Interaction
from lake.store import Lake
from lake.tables import TABLES
from training.etl.abuse import REASONS
from training.etl.clean import DUPLICATE
from training.jobs.outputs import DROPPED

DAY = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = (DAY.date(), DAY.date())
DRAWS = 300


def a_lake(folder: Path, users: list[str], dropped: dict[str, str]) -> Lake:
    """A lake in which each of ``users`` acted once and a daily run dropped rows of those in ``dropped``, with why."""
    lake = Lake(str(folder))
    acted = pa.Table.from_pylist([_action(user) for user in users], Interaction.arrow_schema())
    lake.append("interactions", acted)
    if dropped:
        rows = [_action(user) | {"reason": reason, "run": "r1"} for user, reason in dropped.items()]
        lake.append(DROPPED, pa.Table.from_pylist(rows, TABLES[DROPPED].schema))
    return lake


def _action(user: str) -> dict[str, object]:
    row = Interaction(
        event_id=uuid4().hex, user_id=user, item_id="i", action=Action.VIEW, timestamp=DAY, source="test", origin="o"
    )
    return row.model_dump(mode="python") | {"action": str(row.action.value)}


def test_users_dropped_for_abuse_are_not_drawn(tmp_path: Path) -> None:
    lake = a_lake(tmp_path, ["person", "bot"], {"bot": REASONS[0]})
    assert set(active_users(lake, DAYS, DRAWS, np.random.default_rng(0))) == {"person"}


def test_users_of_whom_only_a_duplicate_was_dropped_are_drawn(tmp_path: Path) -> None:
    lake = a_lake(tmp_path, ["person", "twice"], {"twice": DUPLICATE})
    assert set(active_users(lake, DAYS, DRAWS, np.random.default_rng(0))) == {"person", "twice"}


def test_users_are_drawn_as_often_as_they_act(tmp_path: Path) -> None:
    lake = a_lake(tmp_path, ["often"] * 3 + ["once"], {})
    drawn = active_users(lake, DAYS, DRAWS, np.random.default_rng(0))
    assert 0.65 < drawn.count("often") / DRAWS < 0.85


def test_a_lake_of_nobody_but_bots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no interactions"):
        active_users(a_lake(tmp_path, ["bot"], {"bot": REASONS[0]}), DAYS, 1, np.random.default_rng(0))


def test_users_who_acted_on_other_days_only_are_not_drawn(tmp_path: Path) -> None:
    lake = a_lake(tmp_path, ["person"], {})
    drawn = active_users(lake, DAYS, 1, np.random.default_rng(0))
    assert drawn == ["person"]
    later = (DAYS[0] + timedelta(days=1), DAYS[1] + timedelta(days=9))
    with pytest.raises(UnavailableError, match="no interactions"):
        active_users(lake, later, 1, np.random.default_rng(0))
