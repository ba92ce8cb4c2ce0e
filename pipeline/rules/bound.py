"""Rules bound to one item table: ids looked up once, not for every request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contracts.events import ACTION_CODES
from pipeline.items import Items
from pipeline.request import Removed
from pipeline.rows import Mask, among, by_first, union
from pipeline.rules.schema import Rules
from pipeline.user import History

DAY_SECONDS = 86400.0

_Rows = npt.NDArray[np.int32]


@dataclass(frozen=True)
class BoundRules:
    """``rules`` over ``items``. ``denied``, ``allowed`` and ``hidden`` int32 are sorted rows; ``pinned`` are
    (row, position from 0, start, end) with times in epoch seconds, infinite where not given."""

    rules: Rules
    items: Items
    denied: _Rows
    allowed: _Rows
    hidden: _Rows
    pinned: tuple[tuple[int, int, float, float], ...]

    @classmethod
    def bind(cls, rules: Rules, items: Items) -> "BoundRules":
        """Looks the ids up; an id that the items do not hold has no effect. Bind again when the table changes."""
        by_category = [items.rows_in(category) for category in rules.hidden.categories]
        pinned = tuple(
            (
                row,
                pin.position - 1,
                pin.start.timestamp() if pin.start else -np.inf,
                pin.end.timestamp() if pin.end else np.inf,
            )
            for pin in rules.pin
            if (row := items.ids.row(pin.item)) is not None
        )
        return cls(
            rules,
            items,
            denied=union([items.rows_of(rules.deny)]),
            allowed=union([items.rows_of(rules.allow)]),
            hidden=union([items.hidden, *by_category]),
            pinned=pinned,
        )

    def forbid(self, rows: _Rows, now: float) -> list[Removed]:
        """Which of ``rows`` no answer may hold at ``now``, and why; an item is removed for the first reason only."""
        return [Removed(hit, reason) for reason, hit in by_first(rows, self.checks(rows, now))]

    def checks(self, rows: _Rows, now: float) -> Iterator[tuple[str, Mask]]:
        """Every rule that forbids, and which of ``rows`` it hits."""
        if len(self.hidden):
            yield "hidden", among(rows, self.hidden)
        if len(self.denied):
            yield "denied by a rule", among(rows, self.denied)
        if self.rules.allow:
            yield "not on the allow list", ~among(rows, self.allowed)
        oldest = self.rules.hidden.older_than_days
        if oldest is not None:
            yield "expired", now - self.items.born[rows] > oldest * DAY_SECONDS

    def pins(self, count: int, now: float) -> dict[int, int]:
        """Position from 0 → row of the pins in force at ``now`` that an answer of ``count`` items has room for."""
        return {
            position: row
            for row, position, start, end in self.pinned
            if position < count and start <= now < end and not self.forbid(np.array([row], np.int32), now)
        }

    def is_new(self, rows: _Rows, now: float, few_actions: int) -> npt.NDArray[np.bool_]:
        """Whether each of ``rows`` is new: by age, or by ``few_actions`` at most where its age is unknown."""
        born = self.items.born[rows]
        young = now - born <= self.rules.freshness.new_days * DAY_SECONDS
        return np.where(np.isnan(born), self.items.count[rows] <= few_actions, young)

    def seen(self, seen: Mapping[int, Mapping[str, float]], history: History, now: float) -> _Rows:
        """Rows that the user has acted on within the days that the rules give each action, ascending.

        ``seen`` is action code → item id → epoch seconds; the history's actions count as well.
        """
        found: list[_Rows] = []
        ids: list[str] = []
        for action, code in ACTION_CODES.items():
            days = self.rules.seen.days(action)
            since = -np.inf if days is None else now - days * DAY_SECONDS
            if days == 0:
                continue
            ids += [item for item, at in seen.get(code, {}).items() if at >= since]
            acted = history.actions == code
            if history.ordered:
                acted &= history.times >= since
            found.append(history.rows[acted])
        return union([self.items.rows_of(ids), *found])
