"""The world's people at work on a real installation: who comes, and what they do of their own accord."""

import numpy as np

from contracts.errors import InvalidInputError
from contracts.events import Action
from simulator.people import PERSON
from simulator.world import Reaction, World

BROWSED = 64
"""Items among which somebody looks around without a recommendation."""

CLICKED = 0.4
"""Share of what is found by looking around that is clicked and not only viewed."""


class Visitors:
    """People of ``world`` after its last day. A ``moment`` is seconds since then. Raises InvalidInputError for a world
    without people.
    """

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world = world
        self._rng = rng
        end = world.settings.end
        people = np.flatnonzero((world.people.kind == PERSON) & (world.people.joined <= end))
        if not len(people):
            raise InvalidInputError("the world", "has no people: generate one with users and fewer bots")
        self._people = people
        self._share = world.people.rate[people] / world.people.rate[people].sum()
        self._there = np.flatnonzero(world.catalogue.born <= end)
        self._last: dict[str, str] = {}

    def arrive(self) -> str:
        """The id of somebody who comes, the active ones more often."""
        return self._world.people.ids[int(self._rng.choice(self._people, p=self._share))]

    def look_around(self, user: str, moment: float) -> Reaction:
        """What ``user`` does without being shown anything: the likelier an item pleases, the likelier it is it."""
        drawn = self._rng.choice(self._there, min(BROWSED, len(self._there)), replace=False)
        items = [self._world.catalogue.ids[row] for row in drawn.tolist()]
        chance = self._world.click_probability(
            user, items, self._world.settings.end + moment, last_item=self._last.get(user)
        ).astype(np.float64)
        item = items[int(self._rng.choice(len(items), p=chance / chance.sum()))]
        self._last[user] = item
        return Reaction(item, Action.CLICK if self._rng.random() < CLICKED else Action.VIEW, 0.0)

    def respond(self, user: str, shown: list[str], moment: float) -> list[Reaction]:
        """What ``user`` does with a list. Raises NotFoundError for an item of another world."""
        reactions = self._world.respond(user, shown, self._world.settings.end + moment, self._rng, self._last.get(user))
        if reactions:
            self._last[user] = reactions[-1].item_id
        return reactions
