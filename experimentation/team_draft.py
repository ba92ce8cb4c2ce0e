"""Team drafting: two rankings share one list (Radlinski, Kurup, Joachims, CIKM 2008).

In each round a coin says which ranking picks first; each picks its best item that is not in the list yet.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def team_draft(
    first: Sequence[Item], second: Sequence[Item], count: int, coin: Callable[[int], bool]
) -> list[tuple[Item, int]]:
    """Up to ``count`` items with the team, 0 or 1, that each plays for. ``coin(round)`` true lets ``first`` (team 0)
    pick first in a round; make it a hash of the request, so that the answer repeats."""
    taken: set[Item] = set()
    places, rankings = [0, 0], (first, second)
    drafted: list[tuple[Item, int]] = []
    rounds = 0
    while len(drafted) < count:
        before = len(drafted)
        for team in (0, 1) if coin(rounds) else (1, 0):
            ranking = rankings[team]
            while places[team] < len(ranking) and ranking[places[team]] in taken:
                places[team] += 1
            if places[team] < len(ranking) and len(drafted) < count:
                item = ranking[places[team]]
                taken.add(item)
                drafted.append((item, team))
        if len(drafted) == before:
            break
        rounds += 1
    return drafted
