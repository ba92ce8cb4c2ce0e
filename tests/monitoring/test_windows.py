"""Weeks that are fair to compare: whole, one before the other, and with equally much known before them."""

from datetime import date, timedelta

import pytest

from contracts.clock import utc
from contracts.release import Manifest
from monitoring.windows import MOST_HISTORY, WEEK, TooEarlyError, windows
from tests.releases.releases import manifest

END = utc(1_764_547_200.0)
LONG_AGO = date(2020, 1, 1)


def champion(days_old: float, days_of_data: float = 1825) -> Manifest:
    """A champion whose data ended so many days before END."""
    to = END - timedelta(days=days_old)
    return manifest("r0000000000aa").model_copy(update={"data_to": to, "data_from": to - timedelta(days=days_of_data)})


def test_an_old_champion_is_compared_with_the_end_of_its_data() -> None:
    reference, current = windows(champion(days_old=30), END, LONG_AGO)
    assert current.moments == (END - timedelta(days=7), END)
    assert reference.moments == (END - timedelta(days=37), END - timedelta(days=30))
    assert reference.history == current.history == MOST_HISTORY


@pytest.mark.parametrize("days_old", [0, 3, 7])
def test_a_champion_that_knows_the_week_is_compared_with_the_week_before(days_old: float) -> None:
    reference, current = windows(champion(days_old), END, LONG_AGO)
    assert reference.end == current.start
    assert reference.end - reference.start == WEEK


def test_history_is_no_longer_than_the_data() -> None:
    began = (END - timedelta(days=20)).date()
    reference, current = windows(champion(0), END, began)
    assert reference.history == current.history == 6 * 86400


def test_two_weeks_are_needed_and_the_day_is_named() -> None:
    began = (END - timedelta(days=10)).date()
    with pytest.raises(TooEarlyError, match=rf"begins on {began}: wait until {began + timedelta(days=14)}"):
        windows(champion(0), END, began)
