"""A step is done once for the same inputs, again for others, and a killed one leaves nothing."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import HeadwaterError, NotFoundError
from contracts.settings import Settings
from training.jobs.run import Inputs, Run, create_run, open_run, perform

INPUTS = Inputs("2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00", "d", 7, 10, "c", 0.0, {})
NAME = "r0123456789ab"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(NAME, INPUTS, Settings(home=tmp_path))


class Counted:
    """A step that counts its calls and writes the count."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, run: Run, out: Path) -> Mapping[str, Any]:
        self.calls += 1
        (out / "count.txt").write_text(str(self.calls))
        return {"run": run.id, "calls": self.calls}


def test_a_step_is_done_once(run: Run) -> None:
    step = Counted()
    first = perform(run, "clean", step, (), always=False)
    again = perform(run, "clean", step, (), always=False)
    assert (step.calls, first["skipped"], again["skipped"]) == (1, False, True)
    assert run.report("clean")["calls"] == 1
    assert first["seconds"] >= 0
    assert first["peak_mib"] > 0


def test_a_step_with_an_effect_outside_is_repeated(run: Run) -> None:
    step = Counted()
    for _ in range(2):
        perform(run, "export", step, (), always=True)
    assert step.calls == 2
    assert (run.output("export") / "count.txt").read_text() == "2"


def test_what_reads_a_step_that_was_done_again_is_done_again(run: Run) -> None:
    upstream, downstream = Counted(), Counted()
    for _ in range(2):
        perform(run, "evaluate", upstream, (), always=True)
        perform(run, "gate", downstream, ("evaluate",), always=False)
    assert downstream.calls == 2


def test_a_step_waits_for_what_it_needs(run: Run) -> None:
    with pytest.raises(NotFoundError, match="step clean"):
        perform(run, "features", Counted(), ("clean",), always=False)


def test_a_failed_step_is_not_done_and_a_full_disk_is_a_sentence(run: Run) -> None:
    def full(_: Run, out: Path) -> Mapping[str, Any]:
        (out / "half").write_text("x")
        raise OSError(28, "No space left on device")

    with pytest.raises(HeadwaterError, match="No space left"):
        perform(run, "clean", full, (), always=False)
    with pytest.raises(NotFoundError):
        run.output("clean")
    perform(run, "clean", Counted(), (), always=False)
    assert not (run.output("clean") / "half").exists()
    assert not list(run.path.glob(".clean-*"))


def _hang(run: Run) -> None:
    def body(_: Run, out: Path) -> Mapping[str, Any]:
        (out / "half").write_text("x")
        (run.path / "started").touch()
        time.sleep(60)
        return {}

    perform(run, "clean", body, (), always=False)


def test_a_step_killed_in_the_middle_is_done_again(run: Run) -> None:
    process = multiprocessing.get_context("fork").Process(target=_hang, args=(run,))
    process.start()
    while not (run.path / "started").exists():
        time.sleep(0.01)
    assert process.pid
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    step = Counted()
    perform(run, "clean", step, (), always=False)
    assert step.calls == 1
    assert not (run.output("clean") / "half").exists()


def test_a_run_is_found_again_with_its_inputs(run: Run) -> None:
    found = open_run(NAME, run.settings)
    assert found.inputs == INPUTS
    assert json.loads((run.path / "run.json").read_text())["seed"] == 7
    with pytest.raises(NotFoundError, match="headwater train"):
        open_run("r000000000000", run.settings)
