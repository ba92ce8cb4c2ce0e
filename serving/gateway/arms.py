"""Which release and rules answer a user: the arm of a running experiment, or the champion."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from contracts.experiment import Arm
from pipeline.ports import Assigned
from pipeline.request import Request, UserRow
from pipeline.served import ServedRelease


class Assignment(Protocol):
    """Sticky assignment to the experiments that run now."""

    def arm(self, request: Request, row: UserRow) -> tuple[str, Arm] | None:
        """Experiment id and arm of the user; None when the user is in no experiment."""
        ...


class NoExperiments:
    """Nothing runs."""

    def arm(self, request: Request, row: UserRow) -> tuple[str, Arm] | None:  # noqa: ARG002
        """See Assignment."""
        return None


@dataclass(frozen=True)
class RunningArms:
    """The port Arms over what is in force. ``served`` maps (release or "", rules or "") to what answers; ("", "") is
    the champion under the rules in force."""

    served: Mapping[tuple[str, str], ServedRelease]
    assignment: Assignment

    def assign(self, request: Request, row: UserRow) -> Assigned:
        """See Arms. An arm whose release could not be loaded gets the champion, outside the experiment, so that what
        it shows counts for no arm."""
        found = self.assignment.arm(request, row)
        if found is None:
            return self.champion()
        experiment, arm = found
        served = self.served.get((arm.release or "", arm.rules or ""))
        if served is None:
            return self.champion()
        return Assigned(with_settings(served, arm.settings), experiment, arm.name)

    def champion(self) -> Assigned:
        """See Arms."""
        return Assigned(self.served["", ""])


def with_settings(served: ServedRelease, settings: Mapping[str, float | str]) -> ServedRelease:
    """The release under an arm's settings: ``total`` candidates, ``quota.<source>``; others are not for serving."""
    if not settings:
        return served
    quotas = dict(served.quotas)
    quotas |= {
        name.removeprefix("quota."): int(value)
        for name, value in settings.items()
        if name.startswith("quota.") and isinstance(value, (int, float))
    }
    total = settings.get("total", served.total)
    return replace(served, quotas=quotas, total=int(total))
