"""The whole embedded stack for one set of settings: every server, in the order in which they start."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.auth.clients import Clients
from serving.auth.scopes import STOREFRONT_SCOPES
from stack.server import Server
from stack.servers.airflow import AirflowSite, airflow_servers
from stack.servers.headwater import console, consumer, gateway, model_server, storefront
from stack.servers.kafka import kafka_server
from stack.servers.mlflow import mlflow_server
from stack.servers.postgres import USER, postgres_server
from stack.servers.redis import redis_server
from streaming.flink.environment import require_flink

if TYPE_CHECKING:
    from contracts.settings import Settings

TREE: Final = Path(__file__).resolve().parent.parent


def compose(settings: "Settings") -> tuple[tuple[Server, ...], ...]:
    """The servers in waves: those of a wave start together, once all of the wave before are healthy."""
    host = connectable(settings.bind)
    variables = stack_environment(settings)
    site = AirflowSite(settings.home, TREE, settings.bind, settings.airflow_port, host, settings.postgres_port)
    postgres = postgres_server(settings.home, settings.bind, settings.postgres_port)
    postgres = replace(postgres, finish=partial(_prepare_database, postgres.finish, settings.database_url))
    online = redis_server(settings.home, settings.bind, settings.redis_port)
    online = replace(online, finish=partial(_remember_erasures, settings.home, settings.redis_url))
    mlflow_database = f"postgresql+psycopg2://{USER}@{host}:{settings.postgres_port}/mlflow"
    return (
        (
            online,
            postgres,
            kafka_server(
                settings.home, host, settings.kafka_port, settings.kafka_controller_port, settings.topic_prefix
            ),
        ),
        (
            mlflow_server(settings.home, settings.bind, settings.mlflow_port, mlflow_database),
            *airflow_servers(site, variables),
        ),
        (
            model_server(settings.model_server, settings.model_server_port, variables),
            gateway(host, settings.gateway_port, settings.gateway_metrics_port, variables),
            _consumer(settings, host, variables),
        ),
        (
            storefront(host, settings.storefront_port, variables | _storefront_secret(settings)),
            console(host, settings.console_port, variables),
        ),
    )


def _remember_erasures(home: Path, redis_url: str) -> None:
    """Before a consumer fills a Redis that came up empty."""
    import redis

    from serving.erasure.ledger import Ledger
    from serving.erasure.online import remember_waiting

    with redis.Redis.from_url(redis_url) as client:
        remember_waiting(client, Ledger(home / "erasures"))


def _consumer(settings: "Settings", host: str, variables: dict[str, str]) -> Server:
    server = consumer(host, settings.consumer_port, variables)
    if settings.stream_engine == "kafka":
        return server
    return replace(server, ports=(*server.ports, settings.flink_port), require=require_flink)


def _storefront_secret(settings: "Settings") -> dict[str, str]:
    """What the storefront gets its tokens with from the embedded issuer: a client that may do what its page does."""
    if not settings.embedded_issuer:
        return {}
    client = Clients(settings.home / "issuer" / "clients.json").register(
        settings.storefront_client_id, STOREFRONT_SCOPES, settings.storefront_client_secret
    )
    return {"HEADWATER_STOREFRONT_CLIENT_SECRET": client.client_secret}


def _prepare_database(create: Callable[[], None], database_url: str) -> None:
    from database.migrate import upgrade

    create()
    upgrade(database_url)


def connectable(bind: str) -> str:
    """The address under which a server that listens on ``bind`` is reached from this machine."""
    return "127.0.0.1" if bind == "0.0.0.0" else bind


def stack_environment(settings: "Settings") -> dict[str, str]:
    """What our own programs and the tasks of the DAGs need: all settings, this environment first on PATH, no proxy."""
    variables = {
        f"HEADWATER_{name.upper()}": _text(getattr(settings, name)) for name in sorted(type(settings).model_fields)
    }
    local = {"127.0.0.1", "localhost", connectable(settings.bind)}
    no_proxy = [part for part in os.environ.get("NO_PROXY", "").split(",") if part and part not in local]
    variables["NO_PROXY"] = variables["no_proxy"] = ",".join([*no_proxy, *sorted(local)])
    binaries = str(Path(sys.executable).parent)
    path = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != binaries]
    variables["PATH"] = os.pathsep.join([binaries, *path])
    variables["PYTHONPATH"] = str(TREE)
    variables["PYTHONUNBUFFERED"] = "1"
    variables["MLFLOW_TRACKING_URI"] = settings.mlflow_url
    variables["GIT_PYTHON_REFRESH"] = "quiet"
    return variables


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
