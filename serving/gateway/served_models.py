"""The models behind TensorFlow Serving's gRPC protocol: the ports ``UserTower`` and ``Ranker`` of one release."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError, UnavailableError
from pipeline.candidates import Candidates
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.user import History, UserContext
from releases.model_client import ModelClient
from serving.gateway.breaker import Breaker

USER_TOWER, RANKER = "user_tower", "ranker"
SHORTEST_SECONDS = 0.001


class ModelCalls(Protocol):
    """Runs the models of any release, wherever they are loaded."""

    def predict(
        self, model: str, version: int, inputs: Mapping[str, npt.NDArray[Any]], output: str, timeout: float
    ) -> npt.NDArray[Any]:
        """One output of ``serving_default``, within ``timeout`` seconds."""
        ...

    def input_widths(self, model: str, version: int, timeout: float) -> dict[str, int]:
        """The last dimension of every input, −1 where it is free. Raises NotFoundError for a version that is not
        loaded, UnavailableError when nothing answers."""
        ...


class Models:
    """The model server, for every model and version; left alone for a moment when it failed repeatedly."""

    def __init__(self, address: str) -> None:
        """``address`` is host:port; connects when first used."""
        self._client = ModelClient(address)
        self._breaker = Breaker("model-server", (UnavailableError,))

    def predict(
        self, model: str, version: int, inputs: Mapping[str, npt.NDArray[Any]], output: str, timeout: float
    ) -> npt.NDArray[Any]:
        """One output of ``serving_default``. Raises as ``ModelClient.predict``."""
        seconds = max(timeout, SHORTEST_SECONDS)
        return self._breaker.call(self._client.predict, model, version, inputs, seconds)[output]

    def input_widths(self, model: str, version: int, timeout: float) -> dict[str, int]:
        """See ``ModelClient.input_widths``."""
        return self._client.input_widths(model, version, timeout)

    @property
    def available(self) -> bool:
        """Whether calls go through."""
        return self._breaker.closed

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()


class ServedTower:
    """The user tower of one release. ``features`` names the user's batch features in the order the tower reads."""

    def __init__(self, models: ModelCalls, version: int, features: Sequence[str]) -> None:
        self._models = models
        self._version = version
        self._features = tuple(features)
        self._newcomer: npt.NDArray[np.float32] | None = None

    def vector(
        self, history: History, features: dict[str, float], now: float, timeout: float
    ) -> npt.NDArray[np.float32]:
        """See UserTower. A feature that the user has not is NaN, as in training. Who has done nothing and of whom
        nothing is known has the same vector as all others like that: it is asked for once."""
        newcomer = not len(history) and not any(name in features for name in self._features)
        if newcomer and self._newcomer is not None:
            return self._newcomer
        inputs = {
            "items": _tokens(history),
            "actions": _padded(history.actions, np.int32),
            "ages": _ages(history, now),
            "features": np.array([[features.get(name, np.nan) for name in self._features]], np.float32),
        }
        vector = self._models.predict(USER_TOWER, self._version, inputs, "vector", timeout)
        found = np.asarray(vector[0], np.float32)
        if newcomer:
            self._newcomer = found
        return found


class ServedRanker:
    """The deep ranker of one release. ``columns`` names the dynamic columns in the order it was trained on."""

    name = "deep"

    def __init__(self, models: ModelCalls, version: int, columns: Sequence[str], items: int, top: int = 1000) -> None:
        """``items`` is how many the model knows: rows beyond (items of today) go as padding. Raises InvalidInputError
        for a column that is not computed here."""
        unknown = [name for name in columns if name not in RANKING_FEATURES]
        if unknown:
            raise InvalidInputError("ranking_features", f"{', '.join(unknown)} are not known to this gateway")
        self._models = models
        self._version = version
        self._columns = np.array([RANKING_FEATURES.index(name) for name in columns], np.intp)
        self._items = items
        self.top = top

    def score(
        self, user: UserContext, candidates: Candidates, features: npt.NDArray[np.float32], timeout: float
    ) -> npt.NDArray[np.float32]:
        """See Ranker."""
        rows = candidates.rows
        inputs = {
            "history": _tokens(user.history),
            "history_actions": _padded(user.history.actions, np.int32),
            "history_ages": _ages(user.history, user.now),
            "items": np.where(rows < self._items, rows + 1, 0).astype(np.int32),
            "dynamic": np.ascontiguousarray(features[:, self._columns], np.float32),
        }
        scores = self._models.predict(RANKER, self._version, inputs, "scores", timeout)
        if scores.shape != rows.shape or not np.isfinite(scores).all():
            raise UnavailableError("model-server", "the ranker's scores are not finite numbers, one an item")
        return np.asarray(scores, np.float32)


def _tokens(history: History) -> npt.NDArray[np.int32]:
    return _padded(history.rows + 1, np.int32)


def _ages(history: History, now: float) -> npt.NDArray[np.float32]:
    return _padded(np.maximum(now - history.times, 0), np.float32)


def _padded(column: npt.NDArray[Any], dtype: type[np.int32] | type[np.float32]) -> npt.NDArray[Any]:
    """[1, L] with L at least 1: an empty history is one padding."""
    return (column if len(column) else np.zeros(1)).astype(dtype)[np.newaxis]
