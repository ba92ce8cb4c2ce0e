"""What makes a world: the same settings give the same world, to the last click."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from contracts.errors import InvalidInputError

DAY = 86_400.0
"""Seconds of a day."""

LIMITS = {"users": (10, 1_000_000), "items": (20, 500_000), "days": (1, 730)}


@dataclass(frozen=True)
class WorldSettings:
    """Size and temper of a world.

    ``end`` is the epoch second at which the generated days end. ``drift`` scales how fast tastes turn (0 never).
    ``quiet`` stops all change: no drift, no new items, no ageing. From day ``shift_day`` on (0 is the first day) half
    of the users have turned to another taste and items have swapped their appeal at one blow.
    ``bots`` is the share of accounts that are no people.
    """

    users: int = 20_000
    items: int = 10_000
    days: int = 30
    seed: int = 7
    end: float = 1_764_547_200.0
    drift: float = 1.0
    quiet: bool = False
    shift_day: int | None = None
    bots: float = 0.01
    sessions_per_day: float = 0.35

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise InvalidInputError(name, f"must be from {low} to {high}")
        if not 0 <= self.bots < 1:
            raise InvalidInputError("bots", "must be at least 0 and below 1")

    @property
    def start(self) -> float:
        """Epoch second of the first generated moment."""
        return self.end - self.days * DAY

    @property
    def shift_time(self) -> float:
        """Epoch second of the sudden change, infinity when there is none."""
        return float("inf") if self.shift_day is None else self.start + self.shift_day * DAY

    def save(self, path: Path) -> None:
        """Writes them as JSON, from which ``load`` builds the same world again."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what ``save`` wrote."""
        return cls(**json.loads(path.read_text()))
