"""The users of imported data at work: what they did last in the lake, they do again now."""

from collections.abc import Iterator
from itertools import cycle

import numpy as np
import pyarrow.compute as pc

from contracts.errors import NotFoundError
from contracts.events import Action
from lake.store import Lake
from lake.tables import STREAM
from simulator.world import Reaction

NEWEST = 200_000
"""Imported actions, from the newest day back, that are done again."""

DELAYS = (1.0, 20.0)
"""Seconds in which somebody clicks on what is shown."""


class Recorded:
    """Users come as often as they acted; each goes through their own actions in their order, again and again. Raises
    NotFoundError for a lake without imported interactions."""

    def __init__(self, lake: Lake, rng: np.random.Generator) -> None:
        self._rng = rng
        self._came: list[str] = []
        self._done: dict[str, list[Reaction]] = {}
        for user_id, item_id, action, value in _newest(lake):
            self._came.append(user_id)
            self._done.setdefault(user_id, []).append(Reaction(item_id, Action(action), 0.0, value))
        if not self._came:
            raise NotFoundError("the lake holds no imported interactions to do again: run headwater import")
        self._next: dict[str, Iterator[Reaction]] = {user: cycle(done) for user, done in self._done.items()}

    def arrive(self) -> str:
        """The id of somebody who comes, the active ones more often."""
        return self._came[int(self._rng.integers(len(self._came)))]

    def look_around(self, user: str, moment: float) -> Reaction:  # noqa: ARG002
        """The user's next action."""
        return next(self._next[user])

    def respond(self, user: str, shown: list[str], moment: float) -> list[Reaction]:  # noqa: ARG002
        """Clicks on what is shown and was something for this user."""
        liked = {reaction.item_id for reaction in self._done[user]}
        return [Reaction(item, Action.CLICK, float(self._rng.uniform(*DELAYS))) for item in shown if item in liked]


def _newest(lake: Lake) -> list[tuple[str, str, str, float | None]]:
    """User, item, action and value of the newest imported actions, oldest first."""
    columns = ["user_id", "item_id", "action", "value"]
    rows: list[tuple[str, str, str, float | None]] = []
    for day in reversed(lake.days("interactions")):
        table = lake.read("interactions", [*columns, "timestamp", "source"], (day, day))
        table = table.filter(pc.not_equal(table["source"], STREAM)).sort_by("timestamp")
        rows = list(zip(*(table[name].to_pylist() for name in columns), strict=True)) + rows
        if len(rows) >= NEWEST:
            break
    return rows[-NEWEST:]
