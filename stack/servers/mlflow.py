"""MLflow's tracking server on PostgreSQL, artifacts under ``home/mlflow``.

It is started as the ASGI application that ``mlflow server`` itself starts, without that parent: so the process that
the supervisor knows is the server, and killing it leaves no child on the port.
"""

import sys
from functools import partial
from pathlib import Path

from stack.health import http_answers
from stack.server import Server


def mlflow_server(home: Path, host: str, port: int, database: str) -> Server:
    """One worker; ``database`` is a PostgreSQL address in SQLAlchemy's form."""
    artifacts = home / "mlflow" / "artifacts"
    environment = {
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": database,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(artifacts),
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    return Server(
        name="mlflow",
        command=(
            *(sys.executable, "-m", "uvicorn", "mlflow.server.fastapi_app:app"),
            *("--host", host, "--port", str(port), "--log-level", "warning"),
        ),
        address=f"http://{host}:{port}",
        ports=(port,),
        healthy=lambda _started: http_answers(f"http://{host}:{port}/health"),
        prepare=partial(artifacts.mkdir, parents=True, exist_ok=True),
        environment=environment,
        ready_seconds=120,
    )
