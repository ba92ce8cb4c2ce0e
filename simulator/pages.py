"""Recommendation pages: a simple logging policy fills them, people click what they look at and like."""

import numpy as np
from numpy.typing import NDArray

from simulator.events import CLICK, PURCHASE, Actions, Shown
from simulator.randomness import Ints
from simulator.shelves import Shelves
from simulator.world import PURCHASE as PURCHASE_RATE
from simulator.world import World

PAGE = 10
"""Slots of a page: four popular, four of liked categories, one new, one drawn evenly from all items."""


def purchases(world: World, clicks: Actions, rng: np.random.Generator) -> Actions:
    """The purchases that follow ``clicks``, with the price as value."""
    likeness = world.likeness(clicks.users, clicks.items[:, None], clicks.times)[:, 0]
    bought = rng.random(len(likeness)) < PURCHASE_RATE * np.maximum(likeness, 0)
    users, items = clicks.users[bought], clicks.items[bought]
    times = clicks.times[bought] + rng.uniform(30, 600, len(users))
    price = world.catalogue.price[items]
    return Actions(users, items, np.full(len(users), PURCHASE), times, price, clicks.requests[bought])


def show_pages(
    world: World,
    shelves: Shelves,
    users: Ints,
    times: NDArray[np.float64],
    last: Ints,
    first_request: int,
    rng: np.random.Generator,
) -> tuple[Shown, Actions]:
    """One page for each row of ``users`` [n] at ``times`` [n]; ``last`` [n] is the item before it, -1 for none.

    Returns what was shown and the clicks on it (without purchases). Requests are numbered from ``first_request``.
    """
    count = len(users)
    taste = world.people.taste_at(users, times, world.settings) @ world.catalogue.centres.T
    liked = np.argpartition(-taste, 2, axis=1)[:, :2]
    slots = np.concatenate(
        [
            shelves.popular((count, 4), rng),
            *(shelves.of_category(liked[:, choice], 2, rng) for choice in range(2)),
            shelves.fresh((count, 1), rng),
            rng.choice(shelves.available, (count, 1)),
        ],
        axis=1,
    )
    order = np.argsort(rng.random((count, PAGE)), axis=1)
    items = np.take_along_axis(slots, order, axis=1)
    even = order == PAGE - 1
    repeated = np.zeros(items.shape, bool)
    for slot in range(1, PAGE):
        repeated[:, slot] = (items[:, :slot] == items[:, slot : slot + 1]).any(axis=1)
    position = np.cumsum(~repeated, axis=1)
    chance = world.probabilities(users, items, times, position, last)
    clicked = (rng.random(chance.shape) < chance) & ~repeated
    requests = np.broadcast_to(first_request + np.arange(count)[:, None], items.shape)
    everyone = np.broadcast_to(users[:, None], items.shape)
    moment = np.broadcast_to(times[:, None], items.shape)
    propensity = np.where(even, 1.0 / len(shelves.available), np.nan).astype(np.float32)
    kept = ~repeated
    shown = Shown(requests[kept], everyone[kept], items[kept], position[kept], moment[kept], propensity[kept])
    delay = rng.lognormal(1.5, 0.6, items.shape) * (1 + 0.3 * position)
    clicks = Actions.of(
        everyone[clicked], items[clicked], CLICK, (moment + delay)[clicked], requests[clicked].astype(np.int64)
    )
    return shown, clicks


def last_clicked(clicks: Actions, first_request: int, last: Ints) -> Ints:
    """``last`` [n] with the final click of each page put in its place; page n has request ``first_request + n``."""
    updated = last.copy()
    order = np.argsort(clicks.times, kind="stable")
    updated[clicks.requests[order] - first_request] = clicks.items[order]
    return updated
