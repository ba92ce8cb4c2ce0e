"""Binds the served models to a port and keeps them up to date with the directories and the configuration file."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from contracts.errors import HeadwaterError
from serving import protos
from serving.model_server.config import read_config
from serving.model_server.saved_model import LoadedModel
from serving.model_server.services import ModelService, PredictionService
from serving.model_server.versions import ServedModels

log = logging.getLogger(__name__)

MESSAGE_LIMIT = 64 * 1024 * 1024
"""Bytes of the largest message taken or sent."""


class ModelServer:
    """One server. ``start`` returns once the configuration is loaded; ``address`` is then host:port."""

    def __init__(self, config: Path, address: str, *, poll_seconds: float = 1.0, threads: int = 4) -> None:
        """``address`` is host:port, port 0 for any free one. Raises OSError when the port is taken."""
        self._config = config
        self._poll_seconds = poll_seconds
        self._models: ServedModels[LoadedModel] = ServedModels(LoadedModel)
        limits = [("grpc.max_receive_message_length", MESSAGE_LIMIT), ("grpc.max_send_message_length", MESSAGE_LIMIT)]
        self._server = grpc.server(ThreadPoolExecutor(threads, "predict"), options=[*limits, ("grpc.so_reuseport", 0)])
        self._health = health.HealthServicer()
        protos.prediction_service.add_PredictionServiceServicer_to_server(PredictionService(self._models), self._server)
        protos.model_service.add_ModelServiceServicer_to_server(ModelService(self._models), self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"the model server cannot listen on {address}: {error}") from error
        self.address = f"{address.rpartition(':')[0]}:{port}"
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="model-poll", daemon=True)
        self._modified = 0

    def start(self) -> None:
        """Loads the configuration and serves. Raises InvalidInputError or ConflictError when it cannot be served."""
        self._health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        self._server.start()
        self._modified = self._config.stat().st_mtime_ns
        self._models.configure(read_config(self._config))
        self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        self._poller.start()

    def _poll(self) -> None:
        while not self._stopping.wait(self._poll_seconds):
            try:
                modified = self._config.stat().st_mtime_ns
                if modified != self._modified:
                    self._modified = modified
                    self._models.configure(read_config(self._config))
                self._models.poll()
            except (HeadwaterError, OSError) as error:
                log.warning("the configuration stays as it was: %s", error)
            except Exception:
                # Whatever it was: without this thread no release would ever be loaded again, and nobody would know.
                log.exception("a look at the models failed")

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Takes no new calls, lets running ones end, unloads everything."""
        self._health.enter_graceful_shutdown()
        self._stopping.set()
        self._server.stop(grace_seconds).wait()
        if self._poller.is_alive():
            self._poller.join()
        self._models.close()

    def wait(self) -> None:
        """Blocks until stopped."""
        self._server.wait_for_termination()
