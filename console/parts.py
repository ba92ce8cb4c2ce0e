"""Every part of the installation: how one sees that it answers, and what is lost while it does not."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from contracts.settings import Settings
from stack.health import TIMEOUT, grpc_answers, http_answers, kafka_answers, redis_answers


@dataclass(frozen=True)
class Part:
    """One server. ``lost`` says what goes without it."""

    name: str
    address: str
    answers: Callable[[], bool]
    lost: str


def parts(settings: Settings, engine: sa.Engine) -> tuple[Part, ...]:
    """The servers that ``settings`` name; names are those of ``headwater status``."""
    redis_host, redis_port = _host_and_port(settings.redis_url)
    kafka = settings.kafka_bootstrap.split(",")[0]
    kafka_host, kafka_port = _host_and_port(f"kafka://{kafka}")
    postgres = f"{engine.url.host}:{engine.url.port or 5432}"
    airflow = f"{settings.airflow_url}/api/v2/monitor/health"
    jobs = [
        Part(f"airflow-{name}", airflow, partial(_airflow_job_beats, airflow, name.replace("-", "_")), lost)
        for name, lost in {
            "scheduler": "no daily run starts",
            "dag-processor": "changed DAGs are not seen",
            "triggerer": "waiting tasks do not wake",
        }.items()
    ]
    return (
        Part(
            "redis",
            f"{redis_host}:{redis_port}",
            partial(redis_answers, redis_host, redis_port),
            "answers go without the user's history and vector",
        ),
        Part(
            "postgres",
            postgres,
            partial(_postgres_answers, engine),
            "pointers stay as they are, experiments and Airflow stand still",
        ),
        Part(
            "kafka",
            kafka,
            partial(kafka_answers, kafka_host, kafka_port),
            "events are refused, impressions wait on disk",
        ),
        Part(
            "mlflow",
            settings.mlflow_url,
            partial(http_answers, f"{settings.mlflow_url}/health"),
            "runs and aliases are not shown there; pointers move all the same",
        ),
        Part("airflow-api-server", settings.airflow_url, partial(http_answers, airflow), "no task can start"),
        *jobs,
        Part(
            "model-server",
            settings.model_server,
            partial(grpc_answers, settings.model_server),
            "items keep the retrieval order, missing vectors stay missing",
        ),
        Part(
            "gateway",
            settings.gateway_url,
            partial(http_answers, f"{settings.gateway_metrics_url}/readyz"),
            "nobody gets an answer",
        ),
        Part(
            "consumer",
            settings.consumer_url,
            partial(http_answers, f"{settings.consumer_url}/readyz"),
            "events wait in Kafka, features grow stale",
        ),
    )


def look(there: Sequence[Part]) -> list[dict[str, Any]]:
    """All of them, asked at the same time: ``name``, ``address``, ``state`` (running or down), ``ms``, ``lost``."""
    with ThreadPoolExecutor(len(there)) as pool:
        return list(pool.map(_look, there))


def _look(part: Part) -> dict[str, Any]:
    started = time.monotonic()
    state = "running" if part.answers() else "down"
    spent = round((time.monotonic() - started) * 1000, 1)
    return {"name": part.name, "address": part.address, "state": state, "ms": spent, "lost": part.lost}


def _host_and_port(url: str) -> tuple[str, int]:
    split = urlsplit(url)
    return split.hostname or "", split.port or 0


def _postgres_answers(engine: sa.Engine) -> bool:
    try:
        with engine.connect() as connection:
            return connection.execute(sa.select(1)).scalar() == 1
    except SQLAlchemyError:
        return False


def _airflow_job_beats(url: str, job: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return bool(json.load(answer)[job]["status"] == "healthy")
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False
