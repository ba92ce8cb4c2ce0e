"""What the host took from the machine while something was measured."""

from typing import NamedTuple

import pytest

from benchmarks.result import Figure, with_stolen_share


class Times(NamedTuple):
    user: float
    idle: float
    steal: float


class TimesElsewhere(NamedTuple):
    user: float
    idle: float


def test_the_share_is_of_all_time_while_the_benchmark_ran() -> None:
    looks = iter([Times(10.0, 50.0, 1.0), Times(16.0, 52.0, 3.0)])
    figure = Figure("any", 1.0, "s")
    first, last = with_stolen_share("any", lambda: [figure], lambda: next(looks))
    assert first is figure
    assert last.name == "any_stolen_share"
    assert last.value == pytest.approx(0.2)


@pytest.mark.parametrize("time", [TimesElsewhere(1.0, 1.0), Times(1.0, 1.0, 1.0)])
def test_a_machine_that_does_not_know_or_did_nothing_has_lost_nothing(time: tuple[float, ...]) -> None:
    (figure,) = with_stolen_share("any", list, lambda: time)
    assert figure.value == 0.0
