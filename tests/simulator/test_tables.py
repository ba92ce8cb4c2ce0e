"""The tables of a world: they keep the contract, and there is in them what a pipeline must find."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lake.importing import import_path
from lake.store import Lake
from simulator.settings import WorldSettings
from simulator.tables import write_tables
from simulator.world import World

SETTINGS = WorldSettings(users=1000, items=500, days=8, seed=5, bots=0.02)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_tables(World(SETTINGS), folder)
    return folder


def table(out: Path, name: str) -> pa.Table:
    return pq.read_table(out / f"{name}.parquet")


def people_only(out: Path, rows: pa.Table) -> pa.Table:
    bots = pq.read_table(out / "truth" / "bots.parquet")["user_id"]
    return rows.filter(pc.invert(pc.is_in(rows["user_id"], bots)))


def test_the_same_seed_gives_the_same_files(out: Path, tmp_path: Path) -> None:
    write_tables(World(SETTINGS), tmp_path)
    for name in ("interactions", "impressions", "items", "users", "truth/bots"):
        assert table(tmp_path, name).equals(table(out, name))
    other = WorldSettings(users=1000, items=500, days=8, seed=6)
    write_tables(World(other), tmp_path / "other")
    assert not table(tmp_path / "other", "users").equals(table(out, "users"))


def test_every_row_is_accepted_by_the_import(out: Path, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    report = import_path(lake, out, clock=lambda: SETTINGS.end)
    for name, counts in report.tables.items():
        assert (counts.quarantined, counts.duplicates) == ({}, 0)
        assert counts.inserted == table(out, name).num_rows > 0


def test_actions_refer_to_known_items_and_users_after_their_birth(out: Path) -> None:
    rows = table(out, "interactions")
    for key, name in (("item_id", "items"), ("user_id", "users")):
        joined = rows.join(table(out, name).select([key, "created_at"]), keys=key)
        assert joined["created_at"].null_count == 0
        assert pc.all(pc.less_equal(joined["created_at"], joined["timestamp"])).as_py()


def test_clicks_on_pages_fall_with_the_position(out: Path) -> None:
    shown = people_only(out, table(out, "impressions"))
    clicks = table(out, "interactions").filter(pc.equal(table(out, "interactions")["action"], "click"))
    clicked = clicks.select(["request_id", "item_id"]).append_column("clicked", pa.array(np.ones(clicks.num_rows)))
    joined = shown.join(clicked, keys=["request_id", "item_id"])
    joined = joined.append_column("click", pc.fill_null(joined["clicked"], 0.0))
    rates = joined.group_by("position").aggregate([("click", "mean")]).sort_by("position")["click_mean"].to_pylist()
    assert rates[0] > 1.5 * rates[4] > 1.5 * rates[9] > 0
    assert 0.01 < np.mean(rates) < 0.2


def test_activity_is_heavy_tailed_and_bots_are_busier(out: Path) -> None:
    rows = table(out, "interactions")
    counts = people_only(out, rows).group_by("user_id").aggregate([("item_id", "count")])["item_id_count"].to_numpy()
    assert np.quantile(counts, 0.99) > 5 * np.median(counts)
    bots = rows.num_rows - counts.sum()
    assert 0.05 < bots / rows.num_rows < 0.5


def test_purchases_have_a_price_and_follow_a_click(out: Path) -> None:
    rows = table(out, "interactions")
    bought = rows.filter(pc.equal(rows["action"], "purchase"))
    assert bought.num_rows > 100
    assert bought["value"].null_count == 0
    clicks = rows.filter(pc.equal(rows["action"], "click")).group_by(["user_id", "item_id"])
    joined = bought.join(clicks.aggregate([("timestamp", "min")]), keys=["user_id", "item_id"])
    assert pc.all(pc.less(joined["timestamp_min"], joined["timestamp"])).as_py()


def test_the_next_item_is_far_easier_from_the_last_than_from_popularity(out: Path) -> None:
    """A table of what follows what, learnt on the first days, against plain popularity on the last one."""
    rows = people_only(out, table(out, "interactions")).sort_by([("user_id", "ascending"), ("timestamp", "ascending")])
    users = rows["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    items = np.array([int(name[1:]) for name in rows["item_id"].to_pylist()])
    late = rows["timestamp"].cast(pa.int64()).to_numpy() > (SETTINGS.end - 86_400) * 1e6
    pairs = (users[1:] == users[:-1]) & (items[1:] != items[:-1])
    learnt, tested = pairs & ~late[1:], pairs & late[1:]
    follows = np.zeros((500, 500))
    np.add.at(follows, (items[:-1][learnt], items[1:][learnt]), 1)
    popular = np.bincount(items[1:][learnt], minlength=500)

    def hit_rate(scores: np.ndarray) -> float:
        best = np.argsort(-scores, axis=1)[:, :10]
        return float((best == items[1:][tested][:, None]).any(axis=1).mean())

    sequential = hit_rate(follows[items[:-1][tested]] + 1e-6 * popular)
    assert sequential > 0.25
    assert sequential > 3 * hit_rate(np.broadcast_to(popular, (int(tested.sum()), 500)))


def test_the_command_writes_a_folder_that_can_be_imported(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "simulator",
        "generate",
        str(tmp_path),
        "--users",
        "50",
        "--items",
        "30",
        "--days",
        "2",
    ]
    done = subprocess.run([*command, "--end", "2026-01-02"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert '"interactions"' in done.stdout
    assert "simulated day 2 of 2" in done.stderr
    wrong = subprocess.run([*command, "--end", "soon"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("--end: ")
    assert wrong.stderr.count("\n") == 1
