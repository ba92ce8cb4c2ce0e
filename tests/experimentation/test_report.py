"""The page that a person reads."""

import re
from datetime import date
from typing import Any

import numpy as np

from contracts.experiment import Arm, Experiment, RunningExperiment, Status
from experimentation.aggregation import Observed
from experimentation.analysis import analyse, windows
from experimentation.answer import metrics, nothing_yet
from experimentation.arm_days import ArmDay
from experimentation.report import page
from tests.experimentation.test_comparison import world

ARMS = (Arm(name="control", share=0.5), Arm(name="variant", share=0.5))


def answer(lift: float, *, days: int = 4, **fields: Any) -> dict[str, Any]:
    """Users who all came on day 0, looked at for ``days``."""
    experiment = Experiment.model_validate({"id": "x1", "arms": ARMS, "window_days": 1, **fields})
    users = world(1, 12_000, lift)
    exposed = np.tile(np.bincount(users.arm), (days, 1))
    day = ArmDay(date(2026, 3, 28), "variant", 100, 2000, 900, 180, 3, 12.5, 17.25, None, 0.4, 0.125)
    observed = Observed(day.day, dict.fromkeys(windows(experiment), users), exposed, [day], bots={"variant": 2})
    return metrics(RunningExperiment(experiment=experiment, status=Status.RUNNING), observed,
                   analyse(experiment, observed), "2026-04-01T00:00:00Z")  # fmt: skip


def test_a_better_arm_is_said_to_be_better_in_words_with_its_range() -> None:
    told = page(answer(0.3, guardrails=("clicks_per_user",)), "people like <b>new</b> items")
    assert "shown to be better" in told
    assert "people like &lt;b&gt;new&lt;/b&gt; items" in told
    found = re.search(r"a change of \+(\d+\.\d)%\. The true change lies between \+(\S+)% and \+(\S+)%", told)
    assert found is not None
    change, low, high = (float(one) for one in found.groups())
    assert low < change < high
    assert low < 30 < high
    assert "shown not to be harmed" in told
    assert "2 who click nearly everything" in told
    assert ">17.2<" in told
    assert ">12.5%<" in told


def test_the_plot_has_a_point_a_day_and_its_band_around_it() -> None:
    told = page(answer(0.0, days=5))
    circles = [float(y) for y in re.findall(r"<circle [^>]*cy='([\d.]+)'", told)]
    (band,) = re.findall(r"<polygon points='([^']+)'", told)
    heights = [float(point.split(",")[1]) for point in band.split()]
    assert len(circles) == 4
    assert len(heights) == 8
    assert all(
        upper < middle < lower for upper, middle, lower in zip(heights[:4], circles, heights[:3:-1], strict=True)
    )
    assert "no change" in told
    assert "day 5" in told


def test_groups_are_marked_as_exploration() -> None:
    told = page(answer(0.3))
    assert "known users" in told
    assert "nothing is decided from these" in told


def test_before_the_first_look_and_with_too_few_users_it_says_so() -> None:
    experiment = Experiment(id="x1", arms=ARMS)
    assert "Not started yet" in page(nothing_yet(RunningExperiment(experiment=experiment, status=Status.DRAFT)))
    stopped = answer(0.0) | {"status": "stopped"}
    assert "Stopped by a person" in page(stopped)
    assert "too few users" in page(answer(0.0, days=1))
