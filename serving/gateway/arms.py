"""Which release and rules answer a user: the arm of a running experiment, or the champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.errors import NotFoundError
from contracts.experiment import RunningExperiment
from experimentation.assignment import assign
from pipeline.ports import Assigned, Ranker
from pipeline.request import Request, UserRow
from pipeline.served import ServedRelease

ArmKey = tuple[str, str]
"""Experiment id and arm."""


@dataclass(frozen=True)
class RunningArms:
    """The port Arms over what is in force. ``running`` is in the order of starting; ``served`` holds what answers for
    each arm whose release could be loaded."""

    default: ServedRelease
    running: Sequence[RunningExperiment]
    served: Mapping[ArmKey, ServedRelease]

    def assign(self, request: Request, row: UserRow) -> Assigned:
        """See Arms. An arm whose release could not be loaded gets the champion, outside the experiment, so that what
        it shows counts for no arm. Raises NotFoundError for an arm that was asked for by name and is not served."""
        if request.arm is not None:
            if request.arm not in self.served:
                raise NotFoundError(f"the release of arm {request.arm[1]} of {request.arm[0]} is not served")
            return Assigned(self.served[request.arm], *request.arm)
        found = assign(self.running, request.user_id, _segments(row))
        if found is None:
            return self.champion()
        experiment, arm = found[0].experiment.id, found[1].name
        served = self.served.get((experiment, arm))
        return Assigned(served, experiment, arm) if served is not None else self.champion()

    def champion(self) -> Assigned:
        """See Arms."""
        return Assigned(self.default)


def _segments(row: UserRow) -> tuple[str, ...]:
    """None for a user whose row could not be read: an experiment for new users must not enrol a known one."""
    if row.unread:
        return ()
    return ("new",) if row.state == "missing" else ("known",)


def with_settings(
    served: ServedRelease, settings: Mapping[str, float | str], rankers: Mapping[str, Ranker]
) -> ServedRelease:
    """The release under an arm's settings: ``total`` candidates, ``quota.<source>`` items of a source, ``ranker`` one
    of the release's rankers or ``none``. Settings with other names are not for serving."""
    quotas = dict(served.quotas)
    quotas |= {
        name.removeprefix("quota."): int(value)
        for name, value in settings.items()
        if name.startswith("quota.") and isinstance(value, (int, float))
    }
    named = settings.get("ranker")
    ranker = served.ranker if named is None else rankers.get(str(named))
    return replace(served, quotas=quotas, total=int(settings.get("total", served.total)), ranker=ranker)
