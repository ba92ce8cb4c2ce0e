"""The clock setting."""

import time
from pathlib import Path

import pytest

from contracts.clock import parse_clock, utc
from contracts.errors import InvalidInputError


def test_real_clock_is_the_systems_time() -> None:
    assert abs(parse_clock("real")() - time.time()) < 5


def test_shifted_clock_adds_its_seconds() -> None:
    assert abs(parse_clock("shift:-86400")() - (time.time() - 86400)) < 5


def test_stepped_clock_follows_its_file(tmp_path: Path) -> None:
    file = tmp_path / "now"
    file.write_text("1000.5")
    clock = parse_clock(f"file:{file}")
    assert clock() == 1000.5
    file.write_text("2000")
    assert utc(clock()).isoformat() == "1970-01-01T00:33:20+00:00"


@pytest.mark.parametrize("setting", ["", "now", "shift:", "shift:soon", "file:"])
def test_any_other_setting_is_refused_with_what_is_allowed(setting: str) -> None:
    with pytest.raises(InvalidInputError, match="real, shift:<seconds>, file:<path>"):
        parse_clock(setting)
