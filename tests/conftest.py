"""The real servers, once a session, on free ports in a folder of their own: never those of a running stack."""

import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import prometheus_client  # noqa: F401 - before Feast, whose import would turn its multi-process mode on
import pytest
import sqlalchemy

from stack.jars import jar_files
from stack.preflight import free_ports
from stack.process import running
from stack.servers.kafka import create_topics, kafka_server
from stack.servers.mlflow import mlflow_server
from stack.servers.postgres import USER, create_databases, postgres_server
from stack.servers.redis import redis_server
from tests import reaper

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HOST = "127.0.0.1"
REAPER: pytest.StashKey["subprocess.Popen[bytes]"] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """What a killed session leaves is ended; and a warning that is not ours is let pass: kafka-python reads its message
    schemas through a deprecated call of importlib.resources when it is imported.
    """
    config.stash[REAPER] = reaper.start()
    config.addinivalue_line(
        "filterwarnings", "ignore:(read_text|open_text) is deprecated:DeprecationWarning:(kafka|importlib.resources)"
    )


@pytest.fixture(scope="session")
def stack_home() -> Iterator[Path]:
    """Where the servers of this session keep their data and logs."""
    with tempfile.TemporaryDirectory(prefix="hw-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def redis_url(stack_home: Path) -> Iterator[str]:
    """A real Redis, shared by the session; ``clean_redis`` empties it for one test."""
    (port,) = free_ports(HOST, 1)
    with running(redis_server(stack_home, HOST, port), stack_home / "logs"):
        yield f"redis://{HOST}:{port}/0"


@pytest.fixture
def clean_redis(redis_url: str) -> str:
    """The address of the session's Redis, emptied."""
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@pytest.fixture(scope="session")
def postgres_address(stack_home: Path) -> Iterator[str]:
    """``host:port`` of a real PostgreSQL 18 with the databases headwater, airflow and mlflow, all empty."""
    (port,) = free_ports(HOST, 1)
    with running(postgres_server(stack_home, HOST, port), stack_home / "logs"):
        yield f"{HOST}:{port}"


@pytest.fixture(scope="session")
def migrated_template(postgres_address: str) -> str:
    """Name of a database with all migrations applied, from which ``database_url`` makes copies in milliseconds."""
    from database.migrate import upgrade

    host, port = postgres_address.split(":")
    create_databases(host, int(port), ["template_headwater"])
    upgrade(f"postgresql+psycopg2://{USER}@{postgres_address}/template_headwater")
    return "template_headwater"


@pytest.fixture
def database_url(postgres_address: str, migrated_template: str) -> Iterator[str]:
    """A fresh, migrated database for one test (SQLAlchemy address, psycopg2)."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = sqlalchemy.create_engine(
        f"postgresql+psycopg2://{USER}@{postgres_address}/postgres", isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} TEMPLATE {migrated_template}"))
    yield f"postgresql+psycopg2://{USER}@{postgres_address}/{name}"
    with admin.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def kafka_bootstrap(stack_home: Path) -> Iterator[str]:
    """A real Kafka broker with the declared topics under the prefix ``headwater.``; none are made by themselves."""
    port, controller = free_ports(HOST, 2)
    with running(kafka_server(stack_home, HOST, port, controller, "headwater."), stack_home / "logs"):
        yield f"{HOST}:{port}"


@pytest.fixture
def topic_prefix(kafka_bootstrap: str) -> str:
    """A prefix of this test's own under which all declared topics exist, empty."""
    prefix = f"t{uuid.uuid4().hex[:10]}."
    create_topics(kafka_bootstrap, prefix)
    return prefix


@pytest.fixture(scope="session")
def mlflow_url(stack_home: Path, postgres_address: str) -> Iterator[str]:
    """A real MLflow tracking server on the session's PostgreSQL."""
    (port,) = free_ports(HOST, 1)
    database = f"postgresql+psycopg2://{USER}@{postgres_address}/mlflow"
    with running(mlflow_server(stack_home, HOST, port, database), stack_home / "logs"):
        yield f"http://{HOST}:{port}"


@pytest.fixture(scope="session")
def spark(stack_home: Path) -> "Iterator[SparkSession]":
    """A local Spark session of two threads with the Kafka connector, UTC, no web page."""
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .appName("headwater-tests")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.host", HOST)
        .config("spark.driver.bindAddress", HOST)
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.warehouse.dir", str(stack_home / "spark"))
        .config("spark.jars", ",".join(str(jar) for jar in jar_files("spark")))
        .getOrCreate()
    )
    yield session
    session.stop()
