"""The name of a run follows from what it reads, not from how that is stored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from contracts.errors import InvalidInputError
from contracts.events import Interaction
from contracts.settings import Settings
from lake.store import Lake
from training.jobs.plan import interval_end, plan
from training.jobs.split import LEAST_USERS, MOST_SHARE, holdout_start

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def _rows(start: int, stop: int) -> pa.Table:
    n = range(start, stop)
    columns = {
        "event_id": [f"e{i}" for i in n],
        "user_id": [f"u{i % 3}" for i in n],
        "item_id": [f"i{i % 5}" for i in n],
        "action": ["click"] * len(n),
        "timestamp": [NOON - timedelta(hours=i) for i in n],
        "source": ["import"] * len(n),
        "origin": [f"{start}:{i}" for i in n],
    }
    nothing = {name: [None] * len(n) for name in Interaction.model_fields if name not in columns}
    return pa.table(columns | nothing, schema=Interaction.arrow_schema())


def _settings(tmp_path: Path, clock: Path) -> Settings:
    return Settings(home=tmp_path, clock=f"file:{clock}")


def test_equal_data_give_one_run_whatever_the_files(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text(str(NOON.timestamp() + 1))
    once, twice = _settings(tmp_path / "a", clock), _settings(tmp_path / "b", clock)
    Lake(once.lake).append("interactions", _rows(0, 60))
    for part in (_rows(30, 60), _rows(0, 30)):
        Lake(twice.lake).append("interactions", part)
    first = plan(once, date="2026-03-10")
    assert plan(twice, date="2026-03-10").id == first.id
    assert plan(once, date="2026-03-10", seed=8).id != first.id
    assert plan(once, date="2026-03-09").id != first.id
    Lake(twice.lake).append("interactions", _rows(60, 61))
    assert plan(twice, date="2026-03-10").id != first.id


@pytest.mark.parametrize(
    ("date", "end"),
    [
        ("2026-03-08", datetime(2026, 3, 9, tzinfo=UTC)),
        ("2026-03-10", NOON),
        ("2026-03-08T06:00:00+00:00", datetime(2026, 3, 8, 6, tzinfo=UTC)),
        (None, NOON),
    ],
)
def test_the_interval_ends_with_the_day_or_now(date: str | None, end: datetime) -> None:
    assert interval_end(date, NOON.timestamp()) == end


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="YYYY-MM-DD"):
        interval_end("yesterday", NOON.timestamp())


def test_the_holdout_is_the_newest_share_in_whole_days() -> None:
    times = np.arange(0, 30 * 86400, 3600, dtype=np.float64)
    one = np.zeros(len(times), np.int64)
    cut = holdout_start(times, one, 0.05)
    assert cut == 28 * 86400
    assert (times >= cut).mean() >= 0.05
    assert holdout_start(np.arange(100.0), one[:100], 0.1) == 89.0
    assert holdout_start(np.empty(0), one[:0], 0.1) == float("inf")


def test_a_holdout_with_few_users_is_widened_but_not_beyond_its_bound() -> None:
    times = np.arange(10_000, dtype=np.float64)
    each_acts_five_times = np.arange(10_000) // 5
    assert holdout_start(times, each_acts_five_times, 0.05) == 10_000 - 5 * LEAST_USERS + 3
    few = np.arange(10_000) // 100
    assert (times >= holdout_start(times, few, 0.05)).mean() == pytest.approx(MOST_SHARE, abs=1e-3)
