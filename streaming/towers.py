"""The user towers of the releases in service, and what each reads of a user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import sqlalchemy as sa
import structlog

from contracts.errors import HeadwaterError, UnavailableError
from contracts.release import HISTORY_LENGTH
from feature_repo.activity import Act
from feature_repo.online import USER_DAILY
from pipeline.item_ids import ItemIds
from releases.pointers import Pointers
from releases.store import ReleaseStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Tower:
    """A release's user tower: its version on the model server, its items, the user features it reads in order."""

    release: str
    version: int
    items: ItemIds
    features: tuple[str, ...]

    @classmethod
    def of(cls, store: ReleaseStore, release: str) -> "Tower":
        """Reads manifest and item table. Raises NotFoundError or DamagedReleaseError."""
        manifest = store.manifest(release)
        ids = pq.read_table(store.open(release) / "items.parquet", columns=["item_id"]).column(0)
        known = set(USER_DAILY.field_names)
        names = tuple(name for name in manifest.features if name in known)
        return cls(release, manifest.model_version, ItemIds.of_column(ids), names)

    def inputs(
        self, histories: Sequence[Sequence[Act]], daily: Sequence[Mapping[str, float]]
    ) -> dict[str, npt.NDArray[np.generic]]:
        """The signature's arrays for ``b`` users: items (row + 1, 0 is padding), actions, ages, left-padded to the
        longest history, and features float32[b, F] (NaN where unknown). Ages count from the user's last action, so
        that a vector depends on the state alone and a replay computes the same one."""
        users = len(histories)
        every = list(chain.from_iterable(histories))
        owner = np.repeat(np.arange(users), [len(acts) for acts in histories])
        last = np.array([acts[-1].time_ms if acts else 0 for acts in histories], np.int64)
        times = np.array([act.time_ms for act in every], np.int64)
        columns = {
            "items": self.items.rows([act.item_id for act in every]) + 1,  # an unknown one, row −1, is padding
            "actions": np.array([act.action for act in every], np.int32),
            "ages": ((last[owner] - times) / 1000).astype(np.float32),
        }
        known = columns["items"] > 0
        owner = owner[known]
        counts = np.bincount(owner, minlength=users)
        width = min(1 << max(int(counts.max(initial=1)) - 1, 0).bit_length(), HISTORY_LENGTH)
        column = width - np.repeat(np.cumsum(counts), counts) + np.arange(len(owner))
        inputs: dict[str, npt.NDArray[np.generic]] = {}
        for name, values in columns.items():
            inputs[name] = np.zeros((users, width), values.dtype)
            inputs[name][owner, column] = values[known]
        features = np.array([[row.get(name, np.nan) for name in self.features] for row in daily], np.float32)
        return inputs | {"features": features.reshape(users, len(self.features))}


class TowersInService:
    """The towers of champion and challenger, looked up again by ``refresh``. What cannot be reached stays as it was."""

    def __init__(self, engine: sa.Engine, store: ReleaseStore) -> None:
        self._pointers = Pointers(engine)
        self._store = store
        self.towers: dict[str, Tower] = {}

    def refresh(self) -> None:
        """Looks at the pointers and loads what is new. A release that cannot be loaded is left out and logged."""
        try:
            wanted = {pointer.release_id for pointer in self._pointers.all().values() if pointer.release_id}
        except UnavailableError as error:
            log.warning("pointers cannot be read, keeping the present releases", error=str(error))
            return
        towers = {release: tower for release, tower in self.towers.items() if release in wanted}
        for release in sorted(wanted - set(towers)):
            try:
                towers[release] = Tower.of(self._store, release)
            except (HeadwaterError, OSError) as error:
                log.warning("release cannot be loaded", release=release, error=str(error))
        self.towers = towers
