"""The models behind TensorFlow Serving's gRPC protocol: the ports ``UserTower`` and ``Ranker`` of one release."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError, UnavailableError
from pipeline.candidates import Candidates
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.user import History, UserContext
from serving import protos
from serving.gateway.breaker import Breaker
from serving.tensors import read_tensor, write_tensor

MESSAGE_LIMIT = 64 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
USER_TOWER, RANKER = "user_tower", "ranker"


class ModelClient:
    """One channel to a model server, for every model and version."""

    def __init__(self, address: str) -> None:
        """``address`` is host:port; connects when first used."""
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._stub = protos.prediction_service.PredictionServiceStub(self._channel)
        self._breaker = Breaker("model-server", (grpc.RpcError,))

    def predict(
        self, model: str, version: int, inputs: Mapping[str, npt.NDArray[Any]], output: str, timeout: float
    ) -> npt.NDArray[Any]:
        """One output of ``serving_default``. Raises UnavailableError."""
        request = protos.predict.PredictRequest()
        request.model_spec.name = model
        request.model_spec.version.value = version
        for name, array in inputs.items():
            write_tensor(array, request.inputs[name])
        response = self._breaker.call(self._stub.Predict, request, timeout=max(timeout, 0.001))
        return read_tensor(response.outputs[output])

    def input_widths(self, model: str, version: int, timeout: float) -> dict[str, int]:
        """The last dimension of every input of ``serving_default``, −1 where it is free.

        Raises UnavailableError when the version is not loaded or the server does not answer.
        """
        request = protos.model_metadata.GetModelMetadataRequest()
        request.model_spec.name = model
        request.model_spec.version.value = version
        request.metadata_field.append("signature_def")
        try:
            response = self._stub.GetModelMetadata(request, timeout=timeout)
        except grpc.RpcError as error:
            raise UnavailableError("model-server", f"{model} {version}: {error.code().name}") from error
        signatures = protos.model_metadata.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        inputs = signatures.signature_def["serving_default"].inputs
        return {name: info.tensor_shape.dim[-1].size for name, info in inputs.items()}

    @property
    def available(self) -> bool:
        """Whether calls go through."""
        return self._breaker.closed

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


class ServedTower:
    """The user tower of one release. ``features`` names the user's batch features in the order the tower reads."""

    def __init__(self, client: ModelClient, version: int, features: Sequence[str]) -> None:
        self._client = client
        self._version = version
        self._features = tuple(features)

    def vector(
        self, history: History, features: dict[str, float], now: float, timeout: float
    ) -> npt.NDArray[np.float32]:
        """See UserTower. A feature that the user has not is NaN, as in training."""
        inputs = {
            "items": _tokens(history),
            "actions": _padded(history.actions, np.int32),
            "ages": _ages(history, now),
            "features": np.array([[features.get(name, np.nan) for name in self._features]], np.float32),
        }
        vector = self._client.predict(USER_TOWER, self._version, inputs, "vector", timeout)
        return np.asarray(vector[0], np.float32)


class ServedRanker:
    """The deep ranker of one release. ``columns`` names the dynamic columns in the order it was trained on."""

    name = "deep"

    def __init__(self, client: ModelClient, version: int, columns: Sequence[str], items: int, top: int = 1000) -> None:
        """``items`` is how many the model knows: rows beyond (items of today) go as padding. Raises InvalidInputError
        for a column that is not computed here."""
        unknown = [name for name in columns if name not in RANKING_FEATURES]
        if unknown:
            raise InvalidInputError("ranking_features", f"{', '.join(unknown)} are not known to this gateway")
        self._client = client
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
        scores = self._client.predict(RANKER, self._version, inputs, "scores", timeout)
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
