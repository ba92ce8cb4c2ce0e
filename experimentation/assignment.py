"""Which arm a user is in: sticky, stateless, and computable in any language.

The rule. ``u(label, user)`` is the first 8 bytes of SHA-256 over the UTF-8 text ``label + ":" + user``, read as a
big-endian unsigned number, divided by 2**64: a number from 0 up to 1.

1. Enrolled, when ``slot <= u("enrol:" + G, user) < slot + traffic``, where ``G`` is the experiment's exclusive group
   if it has one (``"group/" + group``), else its id. Experiments of one group have slots side by side, so none shares
   a user; raising ``traffic`` keeps everyone who was in.
2. The arm is the first, in the declared order, whose cumulated share is above ``u("arm:" + id, user)``. It does not
   depend on enrolment, so a growing experiment never moves a user from one arm to another.

Where several experiments enrol a user, the one that started first serves the request.
"""

from collections.abc import Container, Iterable
from hashlib import sha256

from contracts.experiment import Arm, Experiment, RunningExperiment, Status

_RANGE = float(2**64)


def uniform(label: str, user_id: str) -> float:
    """A number from 0 up to 1, the same for the same label and user everywhere."""
    return int.from_bytes(sha256(f"{label}:{user_id}".encode()).digest()[:8], "big") / _RANGE


def enrolled(running: RunningExperiment, user_id: str) -> bool:
    """Whether the user is in the share of traffic that the experiment has now."""
    experiment = running.experiment
    traffic = experiment.traffic if running.traffic is None else running.traffic
    if traffic == 1:
        return True
    label = f"enrol:group/{experiment.group}" if experiment.group else f"enrol:{experiment.id}"
    return running.slot <= uniform(label, user_id) < running.slot + traffic


def arm_of(experiment: Experiment, user_id: str) -> Arm:
    """The arm that the user has in this experiment, enrolled or not."""
    place, reached = uniform(f"arm:{experiment.id}", user_id), 0.0
    for arm in experiment.arms:
        reached += arm.share
        if place < reached:
            return arm
    return experiment.arms[-1]


def assign(
    running: Iterable[RunningExperiment], user_id: str, segments: Container[str] = ()
) -> tuple[RunningExperiment, Arm] | None:
    """The experiment and arm that serve this user, or None. ``running`` is in the order of starting; ``segments`` are
    those that the user belongs to: an experiment that names segments takes only users in one of them."""
    for one in running:
        wanted = one.experiment.segments
        if one.status is not Status.RUNNING or (wanted and not any(name in segments for name in wanted)):
            continue
        if enrolled(one, user_id):
            return one, arm_of(one.experiment, user_id)
    return None


def forced(running: Iterable[RunningExperiment], experiment_id: str, arm: str) -> tuple[RunningExperiment, Arm] | None:
    """The arm that a tester asks for by name, or None when there is none. Its impressions must be logged without the
    experiment, so that they stay out of the analysis."""
    for one in running:
        if one.experiment.id == experiment_id:
            return next(((one, found) for found in one.experiment.arms if found.name == arm), None)
    return None
