"""The declaration of an experiment."""

import pytest
from pydantic import ValidationError

from contracts.experiment import Arm, Experiment

CONTROL, VARIANT = Arm(name="control", share=0.5), Arm(name="variant", share=0.5)


def test_two_halves_make_an_experiment() -> None:
    assert Experiment(id="x1", arms=(CONTROL, VARIANT)).traffic == 1.0


@pytest.mark.parametrize(
    ("arms", "field"),
    [
        ((CONTROL,), "arms"),
        ((CONTROL, Arm(name="variant", share=0.6)), "shares must sum to 1"),
        ((CONTROL, CONTROL), "names must differ"),
    ],
)
def test_arms_that_do_not_make_a_split_are_refused(arms: tuple[Arm, ...], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Experiment(id="x1", arms=arms)


def test_a_maximum_below_the_minimum_is_refused() -> None:
    with pytest.raises(ValidationError, match="maximum_days"):
        Experiment(id="x1", arms=(CONTROL, VARIANT), minimum_days=9, maximum_days=3)


@pytest.mark.parametrize("identifier", ["", "Has Space", "../etc", "x" * 65])
def test_an_id_that_does_not_fit_a_header_is_refused(identifier: str) -> None:
    with pytest.raises(ValidationError, match="id"):
        Experiment(id=identifier, arms=(CONTROL, VARIANT))
