"""Accounts that are no people: crawlers, clickers of a single item, and spammers that click whatever they are shown."""

import numpy as np

from simulator.events import CLICK, VIEW, Actions, Shown
from simulator.pages import PAGE
from simulator.randomness import Ints, hashed_uniform
from simulator.settings import DAY
from simulator.shelves import Shelves
from simulator.world import World

ACTIVE_SHARE = 0.2
"""Share of days on which a bot is at work."""

CRAWL_SECONDS = (100.0, 300.0)
"""A crawler views one item after the other at a fixed interval drawn from this range, day and night."""

CLICKER_EVENTS = (60, 250)
"""Clicks that a clicker puts on one item in a day."""

SPAM_PAGES = (8, 25)
"""Pages that a spammer loads in a day; it clicks every item of a page within seconds."""


def _crawl(user: int, shelves: Shelves, day_start: float, rng: np.random.Generator) -> Actions:
    interval = rng.uniform(*CRAWL_SECONDS)
    times = day_start + np.arange(0.0, DAY, interval)
    times += rng.normal(0, 0.2, len(times))
    times = np.clip(times, day_start, day_start + DAY - 1)
    first = int(rng.integers(0, len(shelves.available)))
    items = shelves.available[(first + np.arange(len(times))) % len(shelves.available)]
    return Actions.of(np.full(len(times), user), items, VIEW, times)


def _hammer(user: int, world: World, shelves: Shelves, day_start: float, rng: np.random.Generator) -> Actions:
    count = int(rng.integers(*CLICKER_EVENTS))
    begin = day_start + rng.uniform(0, DAY / 2)
    times = begin + np.cumsum(rng.uniform(20, 90, count))
    own = shelves.available[int(hashed_uniform(world.settings.seed, user) * len(shelves.available))]
    kept = times < day_start + DAY
    return Actions.of(np.full(count, user), np.full(count, own), CLICK, times).kept(kept)


def _spam(
    user: int, shelves: Shelves, day_start: float, first_request: int, rng: np.random.Generator
) -> tuple[Shown, Actions]:
    pages = int(rng.integers(*SPAM_PAGES))
    begin = np.sort(day_start + rng.uniform(0, DAY - 60, pages))
    users = np.full((pages, PAGE), user)
    items = np.stack([rng.choice(shelves.available, PAGE, replace=False) for _ in range(pages)])
    times = np.broadcast_to(begin[:, None], items.shape)
    position = np.broadcast_to(np.arange(1, PAGE + 1), items.shape)
    requests = np.broadcast_to(first_request + np.arange(pages)[:, None], items.shape)
    shown = Shown(requests.ravel(), users.ravel(), items.ravel(), position.ravel(), times.ravel(),
                  np.full(items.size, np.nan, np.float32))  # fmt: skip
    clicked = times + 0.4 * position + rng.uniform(0, 0.2, items.shape)
    return shown, Actions.of(users.ravel(), items.ravel(), CLICK, clicked.ravel(), requests.ravel().astype(np.int64))


def bots_of_day(
    world: World, shelves: Shelves, day_start: float, first_request: int, rng: np.random.Generator
) -> tuple[list[Shown], list[Actions], int]:
    """Everything that bots do on the day. Returns impressions, actions, and the next free request number."""
    shown: list[Shown] = []
    kind = world.people.kind
    at_work: Ints = np.flatnonzero((rng.random(len(kind)) < ACTIVE_SHARE) & (world.people.joined <= day_start))
    crawlers, clickers = (at_work[kind[at_work] == one].tolist() for one in ("crawler", "clicker"))
    actions = [_crawl(user, shelves, day_start, rng) for user in crawlers]
    actions += [_hammer(user, world, shelves, day_start, rng) for user in clickers]
    for user in at_work[kind[at_work] == "spammer"].tolist():
        page, clicks = _spam(user, shelves, day_start, first_request, rng)
        first_request = int(page.requests[-1]) + 1
        shown.append(page)
        actions.append(clicks)
    return shown, actions, first_request
