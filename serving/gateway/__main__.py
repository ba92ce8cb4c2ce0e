"""``python -m serving.gateway``: the HTTP service, in as many worker processes as the settings say."""

import os
import shutil
import sys

import uvicorn

from contracts.settings import Settings
from serving.auth.clients import Clients
from serving.auth.scopes import STOREFRONT_SCOPES
from serving.gateway.open_files import raise_limit

GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 30
WORKER_SILENT_SECONDS = 20
"""A worker that says nothing for so long is replaced; opening a release on a busy machine may take some seconds. One
that is killed while it is asked is missed only then: its parent holds both ends of their pipe."""
CONNECTIONS = 4096
"""Connections that a worker keeps; more wait in the listen queue."""


def register_storefront(settings: Settings) -> None:
    """Lets the embedded issuer know the storefront by the secret that a person gave both."""
    if settings.embedded_issuer and settings.storefront_client_secret:
        Clients(settings.home / "issuer" / "clients.json").register(
            settings.storefront_client_id, STOREFRONT_SCOPES, settings.storefront_client_secret
        )


def main() -> int:
    settings = Settings()
    raise_limit()
    register_storefront(settings)
    folder = settings.home / "gateway" / "metrics"
    for of_workers in (folder, settings.home / "gateway" / "workers"):
        shutil.rmtree(of_workers, ignore_errors=True)
    folder.mkdir(parents=True)
    # Read once, when the libraries are imported: where metrics are kept, and that matrices are multiplied on the
    # thread that asks. A second thread of OpenBLAS waits in a loop that costs more than all the products of a request.
    os.environ |= {"PROMETHEUS_MULTIPROC_DIR": str(folder), "OPENBLAS_NUM_THREADS": "1"}
    from serving.gateway.observation import ObservationServer

    ports = settings.gateway_metrics_port, settings.gateway_port
    observation = ObservationServer(settings.bind, *ports, folder, settings.home)
    try:
        observation.start()
    except OSError as error:
        sys.stderr.write(f"gateway: port {settings.gateway_metrics_port} cannot be used: {error.strerror}\n")
        return 1
    try:
        uvicorn.run(
            "serving.gateway.worker:create",
            factory=True,
            host=settings.bind,
            port=settings.gateway_port,
            workers=settings.gateway_workers,
            timeout_worker_healthcheck=WORKER_SILENT_SECONDS,
            access_log=False,
            log_config=None,
            log_level=settings.log_level,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            backlog=CONNECTIONS,
        )
    finally:
        observation.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
