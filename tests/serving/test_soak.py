"""The soak, shortened: load with a new champion again and again loses no request and holds no memory."""

from pathlib import Path

import pytest

from benchmarks import soak


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_minutes_of_swaps_lose_nothing_and_hold_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    run = soak.run(["--minutes", "4", "--swap-seconds", "15", "--items", "2000"])
    figures = {figure.name: figure for figure in run}
    assert figures["soak_failed"].value == 0
    assert figures["soak_requests"].value == 4 * 60 * 30
    assert figures["soak_swaps"].value >= 8
    for program in soak.PROGRAMS:
        growth = figures[f"soak_{program}_mib"].ratio
        assert growth is not None
        assert growth < 1.1
