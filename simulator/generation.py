"""Plays a world day by day."""

from collections.abc import Callable, Iterator

import numpy as np

from simulator.bots import bots_of_day
from simulator.events import CLICK, Actions, Shown
from simulator.pages import last_clicked, purchases, show_pages
from simulator.sessions import visits_of_day, walk
from simulator.settings import DAY
from simulator.shelves import Shelves
from simulator.world import World

PAGE_BEFORE, PAGE_AFTER = 0.75, 0.5
"""Share of sessions that begin with a recommendation page, and that end with one."""


def play(world: World, progress: Callable[[str], None] = lambda _: None) -> Iterator[tuple[Actions, Shown]]:
    """Yields what happened on each day and what was shown, in order of time within a day."""
    settings = world.settings
    last = np.full(settings.users, -1, np.int64)
    request = 0
    for day in range(settings.days):
        start = settings.start + day * DAY
        rng = np.random.default_rng([settings.seed, 3, day])
        shelves = Shelves(world.catalogue, start, settings.shift_time)
        visits = visits_of_day(world, start, rng)
        before = last[visits.users]
        opened = np.flatnonzero(rng.random(len(before)) < PAGE_BEFORE)
        first_page, first_clicks = show_pages(
            world, shelves, visits.users[opened], visits.starts[opened], before[opened], request, rng
        )
        before[opened] = last_clicked(first_clicks, request, before[opened])
        request += len(opened)
        walked, after, ends = walk(world, shelves, visits, before, rng)
        closed = np.flatnonzero(rng.random(len(before)) < PAGE_AFTER)
        last_page, last_clicks = show_pages(
            world, shelves, visits.users[closed], ends[closed] + 20.0, after[closed], request, rng
        )
        request += len(closed)
        last[visits.users] = after
        clicks = Actions.join([first_clicks, last_clicks, walked.kept(walked.actions == CLICK)])
        bot_pages, bot_actions, request = bots_of_day(world, shelves, start, request, rng)
        people = [first_clicks, last_clicks, walked, purchases(world, clicks, rng)]
        actions = Actions.join([*people, *bot_actions])
        yield actions.kept(actions.times < settings.end), Shown.join([first_page, last_page, *bot_pages])
        progress(f"simulated day {day + 1} of {settings.days}")
