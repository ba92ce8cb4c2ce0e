"""Fresh user vectors for every release in service, computed in micro-batches by each release's own user tower."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import redis

from feature_repo.online import PROJECT, USER_VECTOR
from feature_repo.redis_reader import TowerRow, read_for_towers
from feature_repo.redis_writer import write_rows
from streaming.towers import Tower

USER_TOWER = "user_tower"
ROWS_PER_CALL = 256
TIMEOUT_SECONDS = 5.0


class Predictor(Protocol):
    """What computes a model's outputs: the model server's client."""

    def predict(
        self, model: str, version: int, inputs: Mapping[str, npt.NDArray[np.generic]], timeout: float
    ) -> dict[str, npt.NDArray[np.generic]]: ...


class VectorWriter:
    """Computes and writes vectors. A vector's version is that of the state it was computed from."""

    def __init__(self, client: "redis.Redis[bytes]", models: Predictor, *, project: str = PROJECT) -> None:
        self._client = client
        self._models = models
        self._project = project

    def write(self, tower: Tower, user_ids: Sequence[str]) -> int:
        """Writes the tower's vector of each user as its state stands now; returns how many were computed. A user that
        is not there (it was erased) gets none.

        Raises UnavailableError, NotFoundError or ValueError as ``ModelClient.predict``, and redis.RedisError.
        """
        computed = 0
        for start in range(0, len(user_ids), ROWS_PER_CALL):
            some = user_ids[start : start + ROWS_PER_CALL]
            rows = read_for_towers(self._client, some, project=self._project)
            known = [(user_id, row) for user_id, row in zip(some, rows, strict=True) if row.version]
            if known:
                self._write_known([user_id for user_id, _ in known], tower, [row for _, row in known])
            computed += len(known)
        return computed

    def _write_known(self, user_ids: Sequence[str], tower: Tower, rows: Sequence[TowerRow]) -> None:
        inputs = tower.inputs([row.activity.acts for row in rows], [row.daily for row in rows])
        vectors = self._models.predict(USER_TOWER, tower.version, inputs, TIMEOUT_SECONDS)["vector"]
        write_rows(
            self._client,
            USER_VECTOR,
            (
                ({"user_id": user_id, "release": tower.release}, {"user_vector": vector}, row.version)
                for user_id, row, vector in zip(user_ids, rows, vectors.astype(np.float32), strict=True)
            ),
            project=self._project,
        )
