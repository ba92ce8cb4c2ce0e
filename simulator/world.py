"""A world to test in: who would click what, when, and how likely that truly is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.errors import NotFoundError
from contracts.events import Action
from simulator.catalogue import Catalogue
from simulator.people import PERSON, People
from simulator.randomness import Floats, Ints, sigmoid
from simulator.settings import DAY, WorldSettings

BASE, TASTE, APPEAL, INTENT, FOLLOWS = -4.6, 4.0, 0.5, 1.2, 1.6
"""Weights of the click's log-odds: constant, likeness to the taste, appeal, category on the mind, follows the last."""

EXAMINED = 0.6
"""Position p is looked at with probability p ** -EXAMINED."""

PURCHASE = 0.12
"""Share of clicks that end in a purchase when the likeness to the taste is 1."""


@dataclass(frozen=True)
class Reaction:
    """What a user did with a shown item, ``delay`` seconds after it was shown. ``value`` is the price paid."""

    item_id: str
    action: Action
    delay: float
    value: float | None = None


class World:
    """Users, items and the truth about them. The same settings give the same world."""

    def __init__(self, settings: WorldSettings) -> None:
        self.settings = settings
        self.catalogue = Catalogue.grow(settings)
        self.people = People.gather(settings, self.catalogue)
        self._users = {name: row for row, name in enumerate(self.people.ids)}
        self._items = {name: row for row, name in enumerate(self.catalogue.ids)}

    def user_row(self, user_id: str) -> int:
        """Row of a user. Raises NotFoundError."""
        if user_id not in self._users:
            raise NotFoundError(f"the simulated world has no user {user_id}")
        return self._users[user_id]

    def item_rows(self, item_ids: list[str]) -> Ints:
        """Rows of items, int64 [n]. Raises NotFoundError."""
        missing = [item for item in item_ids if item not in self._items]
        if missing:
            raise NotFoundError(f"the simulated world has no item {missing[0]}")
        return np.array([self._items[item] for item in item_ids], np.int64)

    def likeness(self, users: Ints, items: Ints, time: NDArray[np.float64] | float) -> Floats:
        """Cosine of taste and item. users [n], items [n, m] (or [m] for all), time [n] or one moment → [n, m]."""
        taste = self.people.taste_at(users, time, self.settings)
        vectors = self.catalogue.vectors[items]
        return taste @ vectors.T if items.ndim == 1 else np.einsum("nd,nmd->nm", taste, vectors)

    def probabilities(
        self,
        users: Ints,
        items: Ints,
        time: NDArray[np.float64],
        position: Ints | None = None,
        last: Ints | None = None,
    ) -> Floats:
        """True probability of a click for rows ``users`` [n] and ``items`` [n, m] at ``time`` [n]. float32 [n, m].

        ``position`` (from 1, broadcast over [n, m]) adds the chance that it is looked at. ``last`` [n] is the item the
        user was with before (-1 none): what usually follows it is likelier.
        """
        catalogue, moment = self.catalogue, time[:, None]
        intent = self.people.intent_at(users, time, catalogue, self.settings)
        logits = BASE + TASTE * self.likeness(users, items, time)
        logits += APPEAL * catalogue.log_appeal(items, moment, self.settings.shift_time)
        logits += INTENT * (catalogue.category[items] == intent[:, None])
        if last is not None:
            following = (items[:, :, None] == catalogue.successors[last][:, None, :]).any(axis=2)
            logits += FOLLOWS * (following & (last[:, None] >= 0))
        relevance: Floats = sigmoid(logits.astype(np.float32))
        if position is not None:
            relevance = relevance * position.astype(np.float32) ** -EXAMINED
        chance: Floats = relevance.astype(np.float32)
        return chance

    def click_probability(
        self,
        user: str,
        items: list[str],
        time: float,
        position: list[int] | None = None,
        last_item: str | None = None,
    ) -> Floats:
        """True probability that ``user`` clicks each of ``items`` at ``time`` (epoch seconds), float32 [m].

        Without ``position`` it is that of an item which is certainly looked at. Raises NotFoundError.
        """
        last = self.item_rows([last_item]) if last_item else np.array([-1])
        where = None if position is None else np.array([position], np.int64)
        rows = self.item_rows(items)[None, :]
        chance: Floats = self.probabilities(np.array([self.user_row(user)]), rows, np.array([time]), where, last)[0]
        return chance

    def respond(
        self, user: str, shown: list[str], time: float, rng: np.random.Generator, last_item: str | None = None
    ) -> list[Reaction]:
        """What ``user`` does with a list shown at ``time`` (positions from 1): clicks, and purchases after them.

        Bots click everything at once. Raises NotFoundError.
        """
        row = self.user_row(user)
        if self.people.kind[row] != PERSON:
            return [Reaction(item, Action.CLICK, 0.2 * (rank + 1)) for rank, item in enumerate(shown)]
        chance = self.click_probability(user, shown, time, list(range(1, len(shown) + 1)), last_item)
        clicked = np.flatnonzero(rng.random(len(shown)) < chance)
        items = self.item_rows(shown)
        likeness = self.likeness(np.array([row]), items, time)[0]
        reactions = []
        for rank in clicked:
            delay = float(rng.lognormal(1.5, 0.6) * (1 + 0.3 * rank))
            reactions.append(Reaction(shown[rank], Action.CLICK, delay))
            if rng.random() < PURCHASE * max(0.0, float(likeness[rank])):
                price = round(float(self.catalogue.price[items[rank]]), 2)
                reactions.append(Reaction(shown[rank], Action.PURCHASE, delay + float(rng.uniform(30, 600)), price))
        return sorted(reactions, key=lambda reaction: reaction.delay)

    def arrivals(self, start: float, seconds: float, rng: np.random.Generator) -> tuple[Ints, NDArray[np.float64]]:
        """People who open a session within ``seconds`` from ``start``: rows int64 [n], times float64 [n], in order."""
        present = (self.people.joined <= start) & (self.people.kind == PERSON)
        sessions = rng.poisson(np.where(present, self.people.rate, 0.0) * seconds / DAY)
        users = np.repeat(np.arange(len(sessions)), sessions)
        times = start + rng.uniform(0, seconds, len(users))
        order = np.argsort(times, kind="stable")
        return users[order], times[order]
