"""Our own servers: the model server, the gateway, the consumer of the stream, the storefront and the console."""

import sys
from collections.abc import Mapping

from stack.health import grpc_answers, http_answers
from stack.server import Server


def model_server(address: str, port: int, environment: Mapping[str, str]) -> Server:
    """TensorFlow Serving's gRPC protocol over the released models; TensorFlow's import makes it slow to start."""
    return Server(
        name="model-server",
        command=(sys.executable, "-m", "serving.model_server"),
        address=address,
        ports=(port,),
        healthy=lambda _started: grpc_answers(address),
        environment=environment,
        ready_seconds=120,
    )


def gateway(host: str, port: int, metrics_port: int, environment: Mapping[str, str]) -> Server:
    """The HTTP interface."""
    return Server(
        name="gateway",
        command=(sys.executable, "-m", "serving.gateway"),
        address=f"http://{host}:{port}",
        ports=(port, metrics_port),
        healthy=lambda _started: http_answers(f"http://{host}:{port}/healthz"),
        environment=environment,
    )


def consumer(host: str, port: int, environment: Mapping[str, str]) -> Server:
    """The events' consumer; its port serves health and metrics."""
    return Server(
        name="consumer",
        command=(sys.executable, "-m", "streaming.consumer"),
        address=f"http://{host}:{port}",
        ports=(port,),
        healthy=lambda _started: http_answers(f"http://{host}:{port}/healthz"),
        environment=environment,
        stop_seconds=30,
    )


def storefront(host: str, port: int, environment: Mapping[str, str]) -> Server:
    """The page on which a person sees recommendations."""
    return Server(
        name="storefront",
        command=(sys.executable, "-m", "storefront"),
        address=f"http://{host}:{port}",
        ports=(port,),
        healthy=lambda _started: http_answers(f"http://{host}:{port}/healthz"),
        environment=environment,
    )


def console(host: str, port: int, environment: Mapping[str, str]) -> Server:
    """The operator's page."""
    return Server(
        name="console",
        command=(sys.executable, "-m", "console"),
        address=f"http://{host}:{port}",
        ports=(port,),
        healthy=lambda _started: http_answers(f"http://{host}:{port}/healthz"),
        environment=environment,
    )
