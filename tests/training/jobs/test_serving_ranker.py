"""Which ranker serves is decided by the requests that validate, never by the holdout."""

import math

import pytest

from training.jobs.rankers import serving


@pytest.mark.parametrize(
    ("validated", "serves"),
    [
        ({"lambdamart": 0.21, "deep": 0.22}, "deep"),
        ({"lambdamart": 0.22, "deep": 0.21}, "lambdamart"),
        ({"lambdamart": 0.2, "deep": 0.2}, "lambdamart"),
        ({"lambdamart": math.nan, "deep": math.nan}, "lambdamart"),
        ({}, "none"),
    ],
    ids=["the better one", "the other", "a tie", "nothing validated", "nothing learned"],
)
def test_the_ranker_that_orders_validating_requests_better_serves(validated: dict[str, float], serves: str) -> None:
    assert serving(validated) == serves
