"""Asks the model server for a prediction of one release's model: TensorFlow Serving's gRPC, without TensorFlow."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import grpc
import numpy.typing as npt

from contracts.errors import NotFoundError, UnavailableError
from releases.model_messages import (
    GET_MODEL_METADATA,
    PREDICT,
    decode_input_widths,
    decode_response,
    encode_metadata_request,
    encode_request,
)

Arrays = dict[str, npt.NDArray[Any]]

_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
)
_MISSING = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED)
_REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)


def _explain(error: "grpc.RpcError", model: str, version: int) -> Exception:
    status, details = error.code(), error.details() or ""
    if status in _MISSING:
        return NotFoundError(f"the model server has no version {version} of {model}: {details}")
    if status in _REFUSED:
        return ValueError(f"{model} {version} refused its inputs: {details}")
    return UnavailableError("model server", f"{status.name.lower()} {details}".strip())


class ModelClient:
    """Sync client of the server at ``address`` (host:port). Safe to share between threads; close it at the end."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._predict = self._channel.unary_unary(PREDICT, request_serializer=None, response_deserializer=None)
        self._metadata = self._channel.unary_unary(
            GET_MODEL_METADATA, request_serializer=None, response_deserializer=None
        )

    def predict(self, model: str, version: int, inputs: Mapping[str, npt.NDArray[Any]], timeout: float) -> Arrays:
        """Outputs of ``serving_default`` by name. ``timeout`` in seconds.

        Raises UnavailableError when there is no answer in time, NotFoundError when the server does not have the
        version, ValueError when the model refuses the inputs.
        """
        try:
            return decode_response(self._predict(encode_request(model, version, dict(inputs)), timeout=timeout))
        except grpc.RpcError as error:
            raise _explain(error, model, version) from error

    def input_widths(self, model: str, version: int, timeout: float) -> dict[str, int]:
        """The last dimension of every input of ``serving_default``, −1 where it is free. Raises as ``predict``."""
        try:
            return decode_input_widths(self._metadata(encode_metadata_request(model, version), timeout=timeout))
        except grpc.RpcError as error:
            raise _explain(error, model, version) from error

    def close(self) -> None:
        """Closes the connection; calls under way fail."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
