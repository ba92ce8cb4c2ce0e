"""Effects in groups of users: exploration, to be confirmed by an experiment of its own. Nothing is decided from them.

The error is divided by the number of groups and arms (Bonferroni), so the intervals hold for all of them at once; small
groups stay without one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contracts.experiment import Experiment
from experimentation.aggregation import Observed
from experimentation.comparison import Look, looks
from experimentation.users import Users


@dataclass(frozen=True)
class SegmentEffect:
    """One arm against control among the users of one segment, at the last look."""

    arm: str
    segment: str
    look: Look


def segment_effects(
    experiment: Experiment, observed: Observed, day: int, *, alpha: float, expected_users: float
) -> list[SegmentEffect]:
    """New and known users (those with a past in the logs), and each cohort."""
    users = observed.windows[experiment.window_days]
    groups = _groups(users, observed.cohorts)
    share = alpha / (len(groups) * (len(experiment.arms) - 1))
    return [
        SegmentEffect(
            arm.name,
            segment,
            looks(
                users.take(chosen),
                experiment.metric,
                place,
                [day],
                window_days=experiment.window_days,
                alpha=share,
                expected_users=expected_users * float(chosen.mean()),
            )[0],
        )
        for place, arm in enumerate(experiment.arms[1:], 1)
        for segment, chosen in groups.items()
        if chosen.any()
    ]


def _groups(users: Users, cohorts: tuple[str, ...]) -> dict[str, npt.NDArray[np.bool_]]:
    known = (users.before_impressions > 0) | (users.before_clicks > 0)
    named = {f"cohort {name}": users.cohort == code for code, name in enumerate(cohorts)}
    return {"new users": ~known, "known users": known} | named
