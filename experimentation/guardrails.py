"""Guardrails: what an arm must not harm. "Holds" is non-inferiority shown, "breaks" is harm shown, both sequential.

A guardrail is written ``metric`` or ``metric:margin`` (the margin a share of control, default 0.05) and is measured
over the first day of each user, so that harm shows at once and not when the long windows close.
"""

from dataclasses import dataclass
from enum import StrEnum

from contracts.errors import InvalidInputError
from experimentation.comparison import Look
from experimentation.users import known

DEFAULT_MARGIN = 0.05
WINDOW_DAYS = 1


class State(StrEnum):
    """What is shown so far."""

    HOLDS = "holds"
    BREAKS = "breaks"
    OPEN = "open"


@dataclass(frozen=True)
class Guardrail:
    """A metric that may fall by at most ``margin`` of control."""

    metric: str
    margin: float = DEFAULT_MARGIN

    @classmethod
    def parse(cls, text: str) -> "Guardrail":
        """From ``metric`` or ``metric:margin``. Raises InvalidInputError."""
        metric, _, margin = text.partition(":")
        try:
            value = float(margin) if margin else DEFAULT_MARGIN
        except ValueError:
            value = -1.0
        if not 0 < value < 1:
            raise InvalidInputError("guardrails", f"{text!r}: the margin must be a share between 0 and 1")
        return cls(known(metric), value)

    def state(self, look: Look) -> State:
        """Holds when the lift's lower bound is above −margin; breaks when its upper bound is below zero and it does not
        hold; open until one of them is shown."""
        if not look.ready:
            return State.OPEN
        if look.lift_interval[0] > -self.margin:
            return State.HOLDS
        return State.BREAKS if look.lift_interval[1] < 0 else State.OPEN
