"""What a protocol makes of a data set: what trains, who is asked, and what would have been right."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.user import History
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.evaluation.metrics import Ragged

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Split:
    """``train`` and ``items`` share item rows. Test user ``u`` of T is known by ``histories[u]`` at ``now[u]`` (epoch
    seconds), has met ``seen`` and did ``targets`` next. ``segments`` are groups of test users, bool[T]."""

    protocol: str
    train: Sequences
    items: ItemTable
    histories: list[History]
    now: npt.NDArray[np.float64]
    seen: Ragged
    targets: Ragged
    segments: dict[str, Mask] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.histories)


def by_time_since(histories: list[History], now: npt.NDArray[np.float64]) -> dict[str, Mask]:
    """Test users by the time since their last action: ``tie`` (the same second), ``within_10_minutes``, ``later``;
    those without times or history are in none."""
    known = np.asarray([bool(len(history)) and history.ordered for history in histories], bool)
    last = np.asarray([history.times[-1] if len(history) else 0.0 for history in histories])
    gap = np.where(known, now - last, np.nan)
    return {
        "tie": known & (gap <= 0),
        "within_10_minutes": known & (gap > 0) & (gap <= 600),
        "later": known & (gap > 600),
    }


def by_history(histories: list[History]) -> dict[str, Mask]:
    """Test users by the number of actions known of them."""
    length = np.asarray([len(history) for history in histories])
    return {
        "history_0": length == 0,
        "history_1": length == 1,
        "history_2_to_9": (length >= 2) & (length < 10),
        "history_10_up": length >= 10,
    }
