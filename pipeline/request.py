"""What goes into one request and what comes out of it, free of HTTP and of stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

TOTAL_CANDIDATES = 1000
"""Candidates that one request ranks."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question. ``now`` is epoch seconds. ``items`` turns it into "rank this list": then no source is asked.

    ``category`` keeps only items of that category; ``exclude`` are item ids that must not appear. ``arm`` asks for an
    experiment's arm by name, whatever the user's own is.
    """

    request_id: str
    user_id: str
    now: float
    count: int = 10
    surface: str | None = None
    category: str | None = None
    exclude: frozenset[str] = frozenset()
    items: tuple[str, ...] = ()
    arm: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class UserRow:
    """What the store knows of a user, in item ids and free of any release, so that one round trip serves every arm.

    ``item_ids``, ``actions`` (codes of ``contracts.events.ACTION_CODES``) and ``times`` (epoch seconds) are the last
    actions, oldest first. ``seen`` maps an action code to item id → epoch seconds of the last such action.
    ``vectors`` maps a release id to float32[d], ``stale_vectors`` likewise those that do not know the last actions.
    ``age_seconds`` is the age of the newest thing that the row holds, None when the user is not in the store. ``state``
    is fresh, stale or missing; ``unread`` tells that the store could not be asked, so that nobody knows.
    """

    user_id: str
    item_ids: Sequence[str] = ()
    actions: Sequence[int] = ()
    times: Sequence[float] = ()
    seen: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    features: Mapping[str, float] = field(default_factory=dict)
    age_seconds: float | None = None
    state: str = "missing"
    unread: bool = False
    stale_vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Removed:
    """Items that a stage took away: ``rows`` int32[r] of the release's item table, and why."""

    rows: npt.NDArray[np.int32]
    reason: str


@dataclass(frozen=True, slots=True)
class Team:
    """The arm whose ranking placed an item of an interleaved list, and that arm's release."""

    arm: str
    release: str


@dataclass(frozen=True, slots=True)
class AnswerItem:
    """One item of the answer. ``features`` float32[K] are the columns that ranked it, empty where nothing ranked it.
    ``propensity`` is the chance with which it was drawn for its place, None where nothing was drawn."""

    item_id: str
    title: str | None
    category: tuple[str, ...]
    row: int
    position: int
    score: float
    sources: tuple[str, ...]
    reasons: tuple[str, ...]
    features: npt.NDArray[np.float32]
    team: Team | None = None
    propensity: float | None = None


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage did: milliseconds, items left after it, what it removed, and the fault if its fallback ran.

    ``note`` tells a person what the stage decided (the arm, the candidates of each source).
    """

    stage: str
    milliseconds: float
    kept: int
    removed: tuple[Removed, ...] = ()
    fault: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The items in order and everything said about how they came to be.

    ``experiment`` and ``arm`` are None when the user is in none. ``degraded`` names the stages and sources that used
    their fallback, in the order they ran. ``candidates`` counts what each source named.
    """

    request: Request
    release: str
    experiment: str | None
    arm: str | None
    items: tuple[AnswerItem, ...]
    user: UserRow
    stages: tuple[StageReport, ...]
    degraded: tuple[str, ...]
    candidates: Mapping[str, int] = field(default_factory=dict)
