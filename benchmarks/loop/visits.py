"""People of a simulated world on the installation: they ask, and click with the world's true probabilities."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from contracts.errors import HeadwaterError
from simulator.people import PERSON
from simulator.settings import DAY
from simulator.world import World

AT_ONCE = 100
"""Visits between two steps of the clock; their events are sent together."""

FEW = 20
"""People among whom every arm is met."""

PATIENCE_SECONDS = 300.0


@dataclass
class Truth:
    """What an arm was shown to whom: pages, items and the sum of their true click probabilities."""

    items: int = 0
    expected_clicks: float = 0.0

    @property
    def rate(self) -> float:
        """The true click rate of what was shown."""
        return self.expected_clicks / self.items if self.items else 0.0


class Visits:
    """The people of ``world``, who come ``pages`` times a day each. ``truth`` is what each arm was truly worth."""

    def __init__(self, world: World, client: httpx.Client, set_clock: Callable[[float], None], pages: int) -> None:
        self._world, self._client, self._set_clock, self._pages = world, client, set_clock, pages
        self._rng = np.random.default_rng(world.settings.seed)
        people = np.flatnonzero((world.people.kind == PERSON) & (world.people.joined <= world.settings.end))
        self._people = [world.people.ids[row] for row in people.tolist()]
        self._last: dict[str, str] = {}
        self.truth: dict[str, Truth] = defaultdict(Truth)

    def wait_for(self, experiment: str, arms: set[str]) -> None:
        """Until the gateway answers from all ``arms``, asked in a way that logs no impression. Raises HeadwaterError
        when it does not."""
        end, met = time.monotonic() + PATIENCE_SECONDS, set[str]()
        while met != arms:
            if time.monotonic() > end:
                raise HeadwaterError(f"the gateway has not begun {experiment} within {PATIENCE_SECONDS:.0f} s")
            time.sleep(0.5)
            asked = [self._ask("/v1/recommendations/explain", user)["experiment"] for user in self._people[:FEW]]
            met = {one["arm"] for one in asked if one is not None and one["id"] == experiment}

    def day(self, start: float) -> None:
        """Everybody's visits of the day that begins at ``start`` (epoch seconds), in order of time."""
        visitors = self._rng.permutation(np.repeat(self._people, self._pages)).tolist()
        moments = np.sort(start + self._rng.random(len(visitors)) * (DAY - 120))
        outbox: list[dict[str, Any]] = []
        for number, (user, moment) in enumerate(zip(visitors, moments.tolist(), strict=True)):
            if number % AT_ONCE == 0:
                self._send(outbox)
                self._set_clock(moment)
            outbox += self._visit(user, moment)
        self._send(outbox)

    def _visit(self, user: str, moment: float) -> list[dict[str, Any]]:
        answer = self._ask("/v1/recommendations", user)
        shown = [item["item_id"] for item in answer["items"]]
        last = self._last.get(user)
        chance = self._world.click_probability(user, shown, moment, list(range(1, len(shown) + 1)), last)
        if answer["experiment"] is not None:
            truth = self.truth[answer["experiment"]["arm"]]
            truth.items += len(shown)
            truth.expected_clicks += float(chance.sum())
        reactions = self._world.respond(user, shown, moment, self._rng, last)
        if reactions:
            self._last[user] = reactions[-1].item_id
        return [
            {"user_id": user, "item_id": one.item_id, "action": one.action, "request_id": answer["request_id"]}
            for one in reactions
        ]

    def _ask(self, route: str, user: str) -> dict[str, Any]:
        answer = self._client.get(route, params={"user_id": user})
        if answer.is_error:
            raise HeadwaterError(f"the gateway answered {answer.status_code}: {answer.text[:200]}")
        found: dict[str, Any] = answer.json()
        return found

    def _send(self, outbox: list[dict[str, Any]]) -> None:
        if outbox:
            answer = self._client.post("/v1/events", json=outbox)
            if answer.is_error:
                raise HeadwaterError(f"the gateway answered {answer.status_code} to events: {answer.text[:200]}")
            outbox.clear()
