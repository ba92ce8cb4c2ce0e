"""A drift that is switched on is found by the next weekly run; a world that stands still raises no alarm."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from contracts.drift import DriftReport, Section, latest
from contracts.settings import Settings
from monitoring import jobs
from monitoring.windows import TooEarlyError
from simulator.settings import WorldSettings
from tests.monitoring.worlds import CHAMPION_ID, END, champion_of, world_in_a_lake
from training.jobs.run import create_run, open_run

pytestmark = pytest.mark.usefixtures("spark")

STILL = WorldSettings(users=3000, items=200, days=28, seed=11, drift=0.0, quiet=True, bots=0.0)


def weekly(settings: Settings, end: datetime) -> Path:
    """One run of the DAG's steps for the week up to ``end``."""
    run = jobs.plan(settings, end.isoformat())
    for step in jobs.STEPS:
        jobs.perform_step(settings, run, step)
    return jobs.measure(settings, run)


def read_once(settings: Settings) -> str:
    """All weeks read by Spark and Feast at once: what twenty weekly runs would read, cut into weeks only later."""
    run = jobs.plan(settings, END.isoformat())
    for step in jobs.STEPS:
        jobs.perform_step(settings, run, step)
    return run


def measured(settings: Settings, whole: str, end: datetime) -> DriftReport:
    """The report of the week up to ``end``; what happened later is in the files and outside of its windows."""
    read = open_run(whole, settings)
    week = create_run(f"week-{end:%Y%m%d}", replace(read.inputs, data_to=end.isoformat()), settings)
    for step in jobs.STEPS:
        (week.path / step).symlink_to(read.path / step)
    return jobs.read(jobs.measure(settings, week.id))


def moved(report: DriftReport) -> list[str]:
    return [f"{f.section.value}: {f.name} {f.effect:.2f}" for f in report.breaches]


@pytest.mark.timeout(900)
def test_a_sudden_shift_is_found_and_written_for_a_person(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = world_in_a_lake(tmp_path, database_url, replace(STILL, shift_day=21))
    champion_of(settings, 21, None)
    before, after = (weekly(settings, END - timedelta(days=days)) for days in (7, 0))
    quiet, shifted = jobs.read(before), jobs.read(after)
    with capsys.disabled():
        print(f"\nquiet week: {moved(quiet) or 'nothing'}; week of the shift: {moved(shifted)}")  # noqa: T201
    assert moved(quiet) == []
    assert moved(shifted)
    assert DriftReport.model_validate_json(latest(tmp_path).read_bytes()) == shifted
    assert shifted.champion == CHAMPION_ID
    text = after.read_text()
    assert "What to do" in text
    assert text.count("<svg") >= 3
    assert not re.search(r"(src|href)=.?http", text), "the page needs no network"
    again = weekly(settings, END)
    assert jobs.read(again).figures == shifted.figures


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_twenty_quiet_weeks_raise_no_alarm(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    learned, quiet = 6, 20
    settings = world_in_a_lake(tmp_path, database_url, replace(STILL, users=700, days=7 * (learned + quiet)))
    champion_of(settings, 7 * learned, 20.0)
    whole = read_once(settings)
    weeks = [measured(settings, whole, END - timedelta(weeks=quiet - n)) for n in range(1, quiet + 1)]
    with capsys.disabled():
        for week, report in enumerate(weeks, 1):
            largest = max((f for f in report.figures if f.test), key=lambda f: f.effect / f.bar)
            told = f"{largest.name} {largest.effect:.2f} of {largest.bar}; alarms: {moved(report) or 'none'}"
            print(f"\nweek {week}: {report.current_users} users, {len(report.figures)} figures, {told}", end="")  # noqa: T201
    assert {figure.section for figure in weeks[-1].figures if figure.test} == set(Section)
    assert [moved(report) for report in weeks] == [[]] * quiet


def test_without_a_champion_or_in_the_first_two_weeks_there_is_nothing_to_compare(
    tmp_path: Path, database_url: str
) -> None:
    settings = world_in_a_lake(tmp_path, database_url, replace(STILL, users=100, days=13))
    with pytest.raises(TooEarlyError, match="champion"):
        jobs.plan(settings, None)
    champion_of(settings, 13, None)
    with pytest.raises(TooEarlyError, match="wait until"):
        jobs.plan(settings, END.isoformat())
