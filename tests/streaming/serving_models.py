"""A small server of TensorFlow Serving's protocol, with the real generated messages, that sums item rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np

from releases.tensors import read_tensor, write_tensor
from serving import protos


class SummingTower(protos.prediction_service.PredictionServiceServicer):  # type: ignore[misc]
    """``vector`` float32[b, 4]: sums of items, actions and ages, and the number of features that are known."""

    def __init__(self, features: int = 0) -> None:
        self.features = features
        self.requests: list[dict[str, np.ndarray[Any, Any]]] = []
        self.fault: grpc.StatusCode | None = None

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        if self.fault is not None:
            context.abort(self.fault, "as the test wants")
        if request.model_spec.version.value == 404:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such version")
        inputs = {name: read_tensor(proto) for name, proto in request.inputs.items()}
        self.requests.append(inputs)
        if inputs["features"].shape[1:] != (self.features,):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"features must have {self.features} columns")
        sums = [inputs[name].sum(axis=1) for name in ("items", "actions", "ages")]
        known = np.isfinite(inputs["features"]).sum(axis=1)
        response = protos.predict.PredictResponse()
        write_tensor(np.stack([*sums, known], axis=1).astype(np.float32), response.outputs["vector"])
        return response


@contextmanager
def serving(tower: SummingTower) -> Iterator[str]:
    """Serves on a free port; yields the address."""
    server = grpc.server(ThreadPoolExecutor(4))
    protos.prediction_service.add_PredictionServiceServicer_to_server(tower, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
