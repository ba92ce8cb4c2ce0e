"""Who asks: the row, the arm, the vector."""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.item_ids import UNKNOWN
from pipeline.ports import Arms, Assigned, UserRows
from pipeline.request import UserRow
from pipeline.stages.reading import served, user_of
from pipeline.state import Outcome, State
from pipeline.user import History, UserContext


@dataclass(frozen=True, slots=True)
class FetchUser:
    """The user's row from the online store."""

    rows: UserRows

    def run(self, state: State, left: float) -> Outcome:
        row = self.rows.fetch(state.request.user_id, state.request.now, left)
        return Outcome(replace(state, row=row), kept=len(row.item_ids), note=row.state)


@dataclass(frozen=True, slots=True)
class UnknownUser:
    """Fallback: answer as for somebody never seen."""

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        return Outcome(replace(state, row=UserRow(state.request.user_id, unread=True)), kept=0)


@dataclass(frozen=True, slots=True)
class AssignArm:
    """The user's arm, and with it the release and the rules; then the row in terms of that release."""

    arms: Arms

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        row = state.row or UserRow(state.request.user_id)
        return _in_terms_of(self.arms.assign(state.request, row), row, state)


@dataclass(frozen=True, slots=True)
class Champion:
    """Fallback: no experiment, the champion."""

    arms: Arms

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        return _in_terms_of(self.arms.champion(), state.row or UserRow(state.request.user_id), state)


def _in_terms_of(assigned: Assigned, row: UserRow, state: State) -> Outcome:
    release, now = assigned.served, state.request.now
    rows = release.artifacts.items.ids.rows(row.item_ids)
    known = rows != UNKNOWN
    history = History(rows[known], np.array(row.actions, np.int8)[known], np.array(row.times, np.float64)[known])
    seen = release.rules.seen(row.seen, history, now)
    vector, stale = row.vectors.get(release.release), row.stale_vectors.get(release.release)
    user = UserContext(row.user_id, now, history, seen, vector, dict(row.features), stale)
    note = f"{assigned.experiment}={assigned.arm}" if assigned.experiment else "no experiment"
    return Outcome(replace(state, assigned=assigned, user=user), kept=len(history), note=note)


@dataclass(frozen=True, slots=True)
class UserVector:
    """The stored vector, or else one computed by the user tower, also for who has done nothing yet."""

    def run(self, state: State, left: float) -> Outcome:
        user, tower = user_of(state), served(state).tower
        if user.vector is not None:
            return Outcome(state, kept=1, note="stored")
        if tower is None:
            return Outcome(state, kept=0, note="none")
        vector = tower.vector(user.history, user.features, user.now, left)
        return Outcome(replace(state, user=replace(user, vector=vector)), kept=1, note="computed")


@dataclass(frozen=True, slots=True)
class StaleVector:
    """Fallback: the vector of before the last actions; without one, the sources that need none answer."""

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        user = user_of(state)
        if user.stale_vector is None:
            return Outcome(state, kept=0, note="none")
        return Outcome(replace(state, user=replace(user, vector=user.stale_vector)), kept=1, note="stale")
