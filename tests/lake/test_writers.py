"""Several writers at once, killed writers, a full disk: a reader sees the old table or the new one."""

import multiprocessing
import os
import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from contracts.errors import UnavailableError
from lake.store import Lake
from tests.lake.rows import interactions

DAY_ONE = date(2026, 1, 1)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_two_writers_at_once_both_land(lake: Lake) -> None:
    lake.append("interactions", interactions(["first"]))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: lake.append("interactions", interactions(names(f"w{one}-", 5))), range(8)))
    assert lake.count("interactions") == 41


def test_one_version_sent_by_many_lands_once(lake: Lake) -> None:
    lake.append("interactions", interactions(["first"]))
    with ThreadPoolExecutor(4) as pool:
        send = lambda _: lake.append("interactions", interactions(["x"]), transaction=("sink", 1))  # noqa: E731
        list(pool.map(send, range(6)))
    assert lake.count("interactions") == 2


def test_merges_of_the_same_rows_at_once_insert_them_once(lake: Lake) -> None:
    lake.append("interactions", interactions(["first"]))
    with ThreadPoolExecutor(4) as pool:
        merged = pool.map(lambda _: lake.merge("interactions", interactions(names("m", 20)), ["event_id"]), range(6))
        inserted = sum(merged)
    assert inserted == 20
    assert lake.count("interactions") == 21


def test_an_append_survives_a_replacement_of_another_day(lake: Lake) -> None:
    lake.append("interactions", interactions(["first"]))
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(lake.append, "interactions", interactions(["kept"], day=1)),
            pool.submit(lake.replace_days, "interactions", interactions(["new"]), [DAY_ONE]),
        ]
        for job in jobs:
            job.result()
    assert sorted(lake.read("interactions", ["event_id"])["event_id"].to_pylist()) == ["kept", "new"]


def _write_on(root: str) -> None:
    lake = Lake(root)
    for number in range(1000):
        lake.replace_days("interactions", interactions(names(f"{number}-", 2000)), [DAY_ONE])


def test_a_killed_writer_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    root = str(tmp_path / "lake")
    lake = Lake(root)
    for wait in (0.0, 0.03, 0.11, 0.2):
        writer = multiprocessing.get_context("spawn").Process(target=_write_on, args=(root,))
        before = lake.version("interactions")
        writer.start()
        assert writer.pid
        while lake.version("interactions") <= before + 1:
            time.sleep(0.01)
        time.sleep(wait)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        found = lake.read("interactions", ["event_id"])["event_id"].to_pylist()
        assert len(found) == 2000
        assert len({name.split("-")[0] for name in found}) == 1


def _write_beyond(root: str, outcome: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        Lake(root).append("interactions", interactions([os.urandom(16).hex() for _ in range(20_000)]))
    except UnavailableError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        Path(outcome).write_text(str(error)[:300])


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk_is_a_clear_sentence_and_leaves_the_old_table(tmp_path: Path, exists: bool) -> None:
    root, outcome = str(tmp_path / "lake"), str(tmp_path / "outcome")
    if exists:
        Lake(root).append("interactions", interactions(["old"]))
    writer = multiprocessing.get_context("spawn").Process(target=_write_beyond, args=(root, outcome))
    writer.start()
    writer.join()
    assert "was not written" in Path(outcome).read_text()
    assert Lake(root).count("interactions") == int(exists)
    assert Lake(root).merge("interactions", interactions(["new"]), ["event_id"]) == 1
