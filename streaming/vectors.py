"""Fresh user vectors for every release in service, computed in micro-batches by each release's own user tower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import redis
import sqlalchemy as sa
import structlog

from contracts.errors import HeadwaterError, NotFoundError, UnavailableError
from contracts.release import HISTORY_LENGTH
from feature_repo.activity import Act
from feature_repo.online import PROJECT, USER_DAILY, USER_VECTOR
from feature_repo.redis_state import UserState
from feature_repo.redis_writer import write_rows
from releases.model_client import ModelClient
from releases.pointers import Pointers
from releases.store import ReleaseStore

USER_TOWER = "user_tower"
ROWS_PER_CALL = 256
TIMEOUT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Predictor(Protocol):
    """What computes a model's outputs: the model server's client."""

    def predict(
        self, model: str, version: int, inputs: Mapping[str, npt.NDArray[np.generic]], timeout: float
    ) -> dict[str, npt.NDArray[np.generic]]: ...


@dataclass(frozen=True)
class Tower:
    """A release's user tower: its version on the model server, its item rows, the user features it reads in order."""

    release: str
    version: int
    row_of: Mapping[str, int]
    features: tuple[str, ...]

    @classmethod
    def of(cls, store: ReleaseStore, release: str) -> "Tower":
        """Reads manifest and item table. Raises NotFoundError or DamagedReleaseError."""
        manifest = store.manifest(release)
        ids = pq.read_table(store.open(release) / "items.parquet", columns=["item_id"]).column(0).to_pylist()
        known = set(USER_DAILY.field_names)
        names = tuple(name for name in manifest.features if name in known)
        return cls(release, manifest.model_version, {item_id: row for row, item_id in enumerate(ids)}, names)

    def inputs(
        self, histories: Sequence[Sequence[Act]], daily: Sequence[Mapping[str, float]]
    ) -> dict[str, npt.NDArray[np.generic]]:
        """The signature's arrays for ``b`` users: items (row + 1, 0 is padding), actions, ages, left-padded to the
        longest history, and features float32[b, F] (NaN where unknown). Ages count from the user's last action, so
        that a vector depends on the state alone and a replay computes the same one."""
        kept = [[act for act in acts if act.item_id in self.row_of][-HISTORY_LENGTH:] for acts in histories]
        width = 1 << max(max((len(acts) for acts in kept), default=1) - 1, 0).bit_length()
        shape = (len(kept), min(width, HISTORY_LENGTH))
        items, actions = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        ages = np.zeros(shape, np.float32)
        for i, (acts, everything) in enumerate(zip(kept, histories, strict=True)):
            if acts:
                now = everything[-1].time_ms
                items[i, -len(acts) :] = [self.row_of[act.item_id] + 1 for act in acts]
                actions[i, -len(acts) :] = [act.action for act in acts]
                ages[i, -len(acts) :] = [(now - act.time_ms) / 1000 for act in acts]
        features = np.array([[row.get(name, np.nan) for name in self.features] for row in daily], np.float32)
        return {
            "items": items,
            "actions": actions,
            "ages": ages,
            "features": features.reshape(len(kept), len(self.features)),
        }


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


class VectorWriter:
    """Computes and writes vectors. A vector's version is that of the state it was computed from."""

    def __init__(
        self, client: "redis.Redis[bytes]", models: ModelClient | Predictor, *, project: str = PROJECT
    ) -> None:
        self._client = client
        self._models = models
        self._project = project
        self.failures = 0

    def write(
        self,
        towers: Sequence[Tower],
        users: Mapping[str, tuple[UserState, int]],
        daily: Mapping[str, Mapping[str, float]],
    ) -> int:
        """Writes a vector for each user and tower; returns how many were computed.

        A model server that does not answer costs the vectors, never the events: readers see by the version that the
        vector is behind and compute it themselves. Counted in ``failures``. Raises redis.RedisError.
        """
        written = 0
        for tower in towers:
            ids = list(users)
            for start in range(0, len(ids), ROWS_PER_CALL):
                some = ids[start : start + ROWS_PER_CALL]
                if not self._write_some(tower, some, users, daily):
                    self.failures += len(ids) - start
                    break
                written += len(some)
        return written

    def _write_some(
        self,
        tower: Tower,
        ids: Sequence[str],
        users: Mapping[str, tuple[UserState, int]],
        daily: Mapping[str, Mapping[str, float]],
    ) -> bool:
        inputs = tower.inputs([users[u][0].activity.acts for u in ids], [daily.get(u, {}) for u in ids])
        try:
            vectors = self._models.predict(USER_TOWER, tower.version, inputs, TIMEOUT_SECONDS)["vector"]
        except (UnavailableError, NotFoundError, ValueError) as error:
            log.warning("vectors were not computed", release=tower.release, users=len(ids), error=str(error))
            return False
        rows = (
            ({"user_id": user_id, "release": tower.release}, {"user_vector": vector}, users[user_id][1])
            for user_id, vector in zip(ids, vectors.astype(np.float32), strict=True)
        )
        write_rows(self._client, USER_VECTOR, rows, project=self._project)
        return True
