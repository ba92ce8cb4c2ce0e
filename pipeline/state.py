"""What the stages of one request hand on to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.candidates import Candidates, Proposal
from pipeline.ports import Assigned
from pipeline.request import AnswerItem, Removed, Request, UserRow
from pipeline.rules.selection import Selection
from pipeline.user import UserContext


@dataclass(frozen=True, slots=True)
class State:
    """Everything known so far; a stage returns a changed copy. A part is None until its stage has run.

    ``features`` float32[n, K] and ``scores`` float32[n] belong to ``candidates``, row by row.
    """

    request: Request
    row: UserRow | None = None
    assigned: Assigned | None = None
    user: UserContext | None = None
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    candidates: Candidates | None = None
    features: npt.NDArray[np.float32] | None = None
    scores: npt.NDArray[np.float32] | None = None
    selection: Selection | None = None
    items: tuple[AnswerItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage made: the state it keeps, what it removed, which of its parts failed (sources), and a note."""

    state: State
    kept: int
    removed: tuple[Removed, ...] = ()
    degraded: tuple[str, ...] = ()
    note: str = ""


class Stage(Protocol):
    """One step of a request. Raises a fault of ``FAULTS`` when it cannot do its work; the chain then falls back."""

    def run(self, state: State, left: float) -> Outcome:
        """``left`` is the time it may take, seconds; ports get it as their timeout."""
        ...
