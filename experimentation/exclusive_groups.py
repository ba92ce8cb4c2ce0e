"""Room in an exclusive group: experiments side by side on the line of users, so that none shares one."""

from collections.abc import Iterable

from contracts.errors import ConflictError
from contracts.experiment import Experiment, RunningExperiment

ROUNDING = 1e-9


def free_slot(running: Iterable[RunningExperiment], experiment: Experiment) -> float:
    """Where the experiment's share of its group begins: the first gap that is wide enough, 0 outside of groups. Raises
    ConflictError when its group has too little traffic left."""
    if experiment.group is None:
        return 0.0
    slot = 0.0
    members = (one for one in running if one.experiment.group == experiment.group)
    for start, width in sorted((one.slot, one.experiment.traffic) for one in members):
        if start - slot >= experiment.traffic - ROUNDING:
            return slot
        slot = max(slot, start + width)
    if slot + experiment.traffic > 1 + ROUNDING:
        raise ConflictError(
            f"group {experiment.group} has {1 - slot:.2f} of its traffic left, {experiment.id} asks for "
            f"{experiment.traffic}; stop another one or lower traffic"
        )
    return slot
