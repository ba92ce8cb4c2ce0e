"""TensorFlow Serving's messages and stubs without TensorFlow.

The generated modules import ``tensorflow.core…_pb2``; importing the package ``tensorflow`` for that costs 10 s and
600 MB. A bare package with the same path stands in while they load and is taken away again, so that a process that
wants the real TensorFlow later (a test run) gets it: protobuf returns the same message classes for the same file.
"""

import importlib
import importlib.util
import sys
import types
from typing import Any

_MODULES = (
    "apis.predict_pb2",
    "apis.get_model_metadata_pb2",
    "apis.get_model_status_pb2",
    "apis.model_management_pb2",
    "apis.model_pb2",
    "apis.prediction_service_pb2_grpc",
    "apis.model_service_pb2_grpc",
    "config.model_server_config_pb2",
)


def _load() -> dict[str, Any]:
    stand_in = "tensorflow" not in sys.modules
    if stand_in:
        spec = importlib.util.find_spec("tensorflow")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("tensorflow is not installed, whose protocol messages the gateway needs")
        package = types.ModuleType("tensorflow")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["tensorflow"] = package
    try:
        return {name.rpartition(".")[2]: importlib.import_module(f"tensorflow_serving.{name}") for name in _MODULES}
    finally:
        if stand_in:
            for name in [n for n in sys.modules if n == "tensorflow" or n.startswith("tensorflow.")]:
                del sys.modules[name]


_loaded = _load()

predict: Any = _loaded["predict_pb2"]
model_metadata: Any = _loaded["get_model_metadata_pb2"]
model_status: Any = _loaded["get_model_status_pb2"]
model_management: Any = _loaded["model_management_pb2"]
model: Any = _loaded["model_pb2"]
prediction_service: Any = _loaded["prediction_service_pb2_grpc"]
model_service: Any = _loaded["model_service_pb2_grpc"]
server_config: Any = _loaded["model_server_config_pb2"]
