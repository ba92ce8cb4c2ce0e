"""What people do of their own accord: sessions in which one item leads to the next."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.events import CLICK, VIEW, Actions
from simulator.people import PERSON
from simulator.randomness import Ints, choose_in_rows
from simulator.settings import DAY
from simulator.shelves import Shelves
from simulator.world import World

FOLLOW_SHARE = 0.55
"""Steps that go on to what usually follows the last item."""

INTENT_SHARE = 0.75
"""Of the other steps, those within the category on the person's mind; the rest go by appeal alone."""

CONSIDERED = 8
"""Items that a person compares before taking one."""

LONGEST = 60
MEAN_STEPS = 4.5


@dataclass(frozen=True)
class Visits:
    """Sessions of one day as columns [n]: who, when it starts (epoch seconds), how many steps."""

    users: Ints
    starts: NDArray[np.float64]
    steps: Ints


def visits_of_day(world: World, day_start: float, rng: np.random.Generator) -> Visits:
    """Draws who comes on the day that starts at ``day_start``; evenings and weekends are busier."""
    people = world.people
    weekend = ((day_start // DAY) % 7) in (2, 3)
    rate = np.where((people.kind == PERSON) & (people.joined <= day_start), people.rate, 0.0) * (
        1.25 if weekend else 0.9
    )
    users = np.repeat(np.arange(len(rate)), rng.poisson(rate))
    hour = rng.normal(people.evening[users], 3.5) % 24
    starts = day_start + (hour * 3600 - day_start) % DAY
    steps = np.minimum(rng.geometric(1 / MEAN_STEPS, len(users)), LONGEST)
    order = np.argsort(starts, kind="stable")
    return Visits(users[order], starts[order], steps[order])


def _next_items(world: World, shelves: Shelves, users: Ints, intent: Ints, last: Ints, times: NDArray[np.float64],
                rng: np.random.Generator) -> Ints:  # fmt: skip
    """The item that each person takes next, int64 [n]."""
    catalogue = world.catalogue
    follows = (rng.random(len(users)) < FOLLOW_SHARE) & (last >= 0)
    kinds = np.where(rng.random(len(users)) < INTENT_SHARE, intent, -1)
    taken = np.empty(len(users), np.int64)
    successors = catalogue.successors[last[follows]]
    logits = -np.log(np.arange(1, successors.shape[1] + 1, dtype=np.float32)) * 1.3
    unborn = catalogue.born[successors] > times[follows][:, None]
    taken[follows] = np.take_along_axis(
        successors, choose_in_rows(np.where(unborn, -1e9, logits).astype(np.float32), rng)[:, None], axis=1
    )[:, 0]
    lost = np.zeros(len(users), bool)
    lost[follows] = unborn.all(axis=1)
    free = np.flatnonzero(~follows | lost)
    considered = shelves.of_category(np.maximum(kinds[free], 0), CONSIDERED, rng)
    browsing = kinds[free] < 0
    considered[browsing] = shelves.popular((int(browsing.sum()), CONSIDERED), rng)
    likeness = world.likeness(users[free], considered, times[free])
    picked = choose_in_rows(5.0 * likeness, rng)
    taken[free] = np.take_along_axis(considered, picked[:, None], axis=1)[:, 0]
    return taken


def walk(world: World, shelves: Shelves, visits: Visits, last: Ints, rng: np.random.Generator
         ) -> tuple[Actions, Ints, NDArray[np.float64]]:  # fmt: skip
    """Plays the sessions step by step, all at once.

    ``last`` [n] is the item before each session. Returns the views and clicks, the last item [n] and end time [n].
    """
    intent = world.people.intent_at(visits.users, visits.starts, world.catalogue, world.settings)
    current, times = last.copy(), visits.starts.copy()
    parts = []
    for step in range(int(visits.steps.max(initial=0))):
        rows = np.flatnonzero(visits.steps > step)
        users = visits.users[rows]
        times[rows] += rng.lognormal(3.6, 0.8, len(rows))
        current[rows] = _next_items(world, shelves, users, intent[rows], current[rows], times[rows], rng)
        action = np.where(rng.random(len(rows)) < 0.45, CLICK, VIEW)
        parts.append(Actions.of(users, current[rows], action, times[rows]))
    if not parts:
        empty = np.zeros(0, np.int64)
        parts = [Actions.of(empty, empty, VIEW, np.zeros(0))]
    return Actions.join(parts), current, times
