"""``headwater traffic``: the people of a world, or the users of imported data, through the gateway's door."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from contracts.errors import NotFoundError
from contracts.events import Action
from lake.store import Lake
from lake.tables import TABLES
from simulator.recorded import Recorded
from tests.simulator.test_traffic import WORLD, Gateway, serving
from tests.streaming.running import event


def imported(path: Path, users: int = 3, each: int = 20) -> Lake:
    """A lake of imported clicks, each user's on i0, i1, … in this order; and one event of the stream."""
    lake = Lake(str(path))
    events = [event(n * users + u, user=f"u{u}", item=f"i{n}") for n in range(each) for u in range(users)]
    events.append(event(9999, user="streamed"))
    rows = [one.model_dump(exclude={"client_id"}) | {"source": "import", "origin": one.event_id} for one in events]
    rows[-1]["source"] = "stream"
    lake.merge("interactions", pa.Table.from_pylist(rows, schema=TABLES["interactions"].schema), ("event_id",))
    return lake


def run(monkeypatch: pytest.MonkeyPatch, home: Path, gateway: Gateway, *arguments: str) -> Result:
    monkeypatch.setenv("HEADWATER_HOME", str(home))
    monkeypatch.setenv("HEADWATER_GATEWAY_URL", gateway.address)
    return CliRunner().invoke(app, ["traffic", *arguments, "--rate", "30", "--minutes", "0.02"])


def test_people_of_a_saved_world_come(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "simulated" / "small" / "truth").mkdir(parents=True)
    WORLD.settings.save(tmp_path / "simulated" / "small" / "truth" / "world.json")
    with serving(Gateway()) as gateway:
        done = run(monkeypatch, tmp_path, gateway)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["events"] == len(gateway.events) > 0
    assert all(token.startswith("Bearer ey") for token in gateway.tokens)
    assert "events (" in done.stderr


def test_without_a_world_users_of_the_lake_do_again_what_they_did(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    imported(tmp_path / "lake")
    with serving(Gateway(shown=["i1", "elsewhere"])) as gateway:
        done = run(monkeypatch, tmp_path, gateway)
    assert done.exit_code == 0, done.stderr
    assert {one["user_id"] for one in gateway.events} <= {"u0", "u1", "u2"}
    for user in ("u0", "u1", "u2"):
        mine = [one["item_id"] for one in gateway.events if one["user_id"] == user and "request_id" not in one]
        assert mine == [f"i{n % 20}" for n in range(len(mine))]


def test_a_recorded_user_clicks_what_it_liked_and_nothing_else(tmp_path: Path) -> None:
    people = Recorded(imported(tmp_path), np.random.default_rng(1))
    (click,) = people.respond("u1", ["i3", "elsewhere"], 0.0)
    assert (click.item_id, click.action) == ("i3", Action.CLICK)
    assert click.delay >= 1.0


def test_an_empty_lake_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="headwater import"):
        Recorded(Lake(str(tmp_path)), np.random.default_rng(1))


def test_a_folder_that_holds_no_world_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = run(monkeypatch, tmp_path, Gateway(address="http://127.0.0.1:9"), str(tmp_path))
    assert done.exit_code == 1
    assert "no simulated world" in done.stderr
    assert done.stderr.count("\n") == 1
