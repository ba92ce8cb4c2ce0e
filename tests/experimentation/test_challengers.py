"""A challenger gets its experiment, small at first."""

from pathlib import Path

import pytest

from contracts.experiment import Status
from database.engine import connect
from experimentation.challengers import grow, next_phase, open_experiment
from experimentation.jobs import Rooms
from experimentation.log_tables import Resources
from experimentation.store import Experiments
from lake.store import Lake
from releases.pointers import Pointers
from releases.promotion import Door
from releases.store import ReleaseStore
from tests.releases.releases import published

OLD, NEW, NEWER = "r00000000000a", "r00000000000b", "r00000000000c"


def test_a_challenger_is_enrolled_in_growing_phases_while_guardrails_hold(tmp_path: Path, database_url: str) -> None:
    now = [1_767_355_200.0]
    engine, store = connect(database_url), ReleaseStore(tmp_path / "releases")
    for identifier in (OLD, NEW):
        published(store, identifier)

    def clock() -> float:
        return now[0]

    door = Door(store, Pointers(engine, clock), tmp_path / "models")
    there = Rooms(Experiments(engine, clock), Lake(str(tmp_path / "lake")), door, clock, Resources())
    assert open_experiment(there) is None
    door.promote(OLD, who="t", why="first")
    door.challenge(NEW, who="t", why="gate")
    identifier = f"{NEW}-against-{OLD}"
    assert [open_experiment(there), open_experiment(there)] == [identifier, identifier]
    running = there.experiments.get(identifier)
    assert (running.status, running.traffic) == (Status.RUNNING, 0.05)

    look = {"decision": {"state": "running"}, "comparison": {"guardrails": [{"state": "holds"}]}}
    assert grow(there, identifier) is None
    day = (running.started_at or pytest.fail("never started")).date()
    there.experiments.keep_look(identifier, day, look)
    assert grow(there, identifier) is None
    now[0] += 90_000
    assert [grow(there, identifier), grow(there, identifier)] == [0.2, None]
    now[0] += 90_000
    for state in ("open", "breaks"):
        there.experiments.keep_look(identifier, day, look | {"comparison": {"guardrails": [{"state": state}]}})
        assert grow(there, identifier) is None
    assert [share for _, share in there.experiments.phases(identifier)] == [0.05, 0.2]
    published(store, NEWER)
    door.challenge(NEWER, who="t", why="gate")
    assert open_experiment(there) is None
    assert next_phase(there.experiments.get(identifier), "hold", [], 3) is None
    assert next_phase(there.experiments.get(identifier), "running", ["holds"], 3) == 1.0
    engine.dispose()
