"""A run of the daily training: its inputs, its directory, and steps that are done once and can be repeated.

A run is named by a hash of everything that makes its release (``training.jobs.plan``), so two runs with equal inputs
are one run, and others have directories of their own. A step writes into a private directory that one rename makes the
step's own; a step killed in the middle leaves nothing that a retry would take for done.
"""

import fcntl
import hashlib
import json
import os
import resource
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from contracts.errors import HeadwaterError, NotFoundError
from contracts.settings import Settings
from lake.store import Lake

DONE = "done.json"
RUN = "run.json"


@dataclass(frozen=True)
class Inputs:
    """Everything that makes a run: the same inputs give the same release id. Times are ISO 8601, UTC."""

    data_from: str
    data_to: str
    data_hash: str
    seed: int
    budget_seconds: int
    git_commit: str
    shifted_seconds: float
    settings: dict[str, Any]

    @property
    def start(self) -> datetime:
        return datetime.fromisoformat(self.data_from)

    @property
    def end(self) -> datetime:
        return datetime.fromisoformat(self.data_to)


@dataclass(frozen=True)
class Run:
    """One run, open. ``settings`` are those of the installation, ``inputs`` those that the release depends on."""

    id: str
    inputs: Inputs
    settings: Settings

    @property
    def path(self) -> Path:
        return runs_path(self.settings) / self.id

    @property
    def lake(self) -> Lake:
        return open_lake(self.settings)

    def output(self, step: str) -> Path:
        """The directory of a finished step. Raises NotFoundError when it is not finished."""
        if not (self.path / step / DONE).is_file():
            raise NotFoundError(f"step {step} of run {self.id} is not done: run it first")
        return self.path / step

    def report(self, step: str) -> dict[str, Any]:
        """What a finished step reported."""
        return dict(json.loads((self.output(step) / DONE).read_text())["report"])

    @property
    def days(self) -> tuple[Any, Any]:
        """First and last UTC day of the interval [start, end)."""
        return self.inputs.start.date(), (self.inputs.end - timedelta(microseconds=1)).date()


StepFunction = Callable[[Run, Path], Mapping[str, Any]]
"""Writes its files into the directory it is given and returns a report (JSON)."""


def open_lake(settings: Settings) -> Lake:
    """The lake that the settings name."""
    return Lake(settings.lake, s3_endpoint=settings.s3_endpoint, s3_region=settings.s3_region)


def runs_path(settings: Settings) -> Path:
    """Where runs keep their state."""
    return settings.home / "runs"


def open_run(run_id: str, settings: Settings) -> Run:
    """A planned run. Raises NotFoundError."""
    path = runs_path(settings) / run_id / RUN
    if not path.is_file():
        raise NotFoundError(f"there is no run {run_id}: headwater train plans one")
    return Run(run_id, Inputs(**json.loads(path.read_text())), settings)


def create_run(run_id: str, inputs: Inputs, settings: Settings) -> Run:
    """Makes the run's directory, or finds the one that is there."""
    run = Run(run_id, inputs, settings)
    run.path.mkdir(parents=True, exist_ok=True)
    _write_whole(run.path / RUN, asdict(inputs))
    return run


def _write_whole(path: Path, content: Mapping[str, Any]) -> None:
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    with draft.open("w") as file:
        file.write(json.dumps(content, indent=1, sort_keys=True))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Holds a lock on ``path`` that the kernel takes back from a killed process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _inputs_hash(run: Run, needs: tuple[str, ...]) -> str:
    """Changes when a step that this one reads was done again."""
    tokens = [json.loads((run.output(step) / DONE).read_text())["token"] for step in needs]
    return hashlib.sha256(json.dumps([run.id, *tokens]).encode()).hexdigest()


def perform(run: Run, step: str, function: StepFunction, needs: tuple[str, ...], *, always: bool) -> dict[str, Any]:
    """Runs one step unless it is done with the same inputs, and returns its report.

    ``always`` repeats a step whose effect lies outside the run's directory (it must be harmless twice). Two processes
    that run one step wait for each other. The report gains ``seconds``, ``peak_mib`` and ``skipped``.
    """
    with _alone(run.path / f".{step}.lock"):
        read = _inputs_hash(run, needs)
        final = run.path / step
        if (final / DONE).is_file() and not always:
            done = json.loads((final / DONE).read_text())
            if done["inputs"] == read:
                return dict(done["report"]) | {"skipped": True}
        for leftover in run.path.glob(f".{step}-*"):
            shutil.rmtree(leftover)
        draft = run.path / f".{step}-{uuid.uuid4().hex[:8]}"
        draft.mkdir()
        started = time.monotonic()
        try:
            report = dict(function(run, draft))
        except OSError as error:
            raise HeadwaterError(f"step {step} could not write or read its files: {error}") from error
        report |= {"seconds": round(time.monotonic() - started, 1), "peak_mib": _peak_mib(), "skipped": False}
        _write_whole(draft / DONE, {"inputs": read, "token": uuid.uuid4().hex, "report": report})
        if final.exists():
            shutil.rmtree(final)
        draft.rename(final)
        return report


def _peak_mib() -> int:
    """Peak resident memory of this process or of the largest child it waited for (Spark's driver), MiB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) // 1024
