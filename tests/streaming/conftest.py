"""Streaming's own processes never import Feast; in the tests' one process another test may have."""

from pathlib import Path

import pytest

from stack.preflight import free_ports
from tests.conftest import HOST


@pytest.fixture(autouse=True)
def _metrics_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """``import feast`` turns prometheus_client's multi-process mode on for everybody, by two variables."""
    for name in ("PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_MULTIPROCESS_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def environment(
    clean_redis: str, kafka_bootstrap: str, topic_prefix: str, database_url: str, tmp_path: Path
) -> dict[str, str]:
    """What a consumer process of one test needs; no model server listens."""
    port, model_port = free_ports(HOST, 2)
    return {
        "HEADWATER_HOME": str(tmp_path),
        "HEADWATER_REDIS_URL": clean_redis,
        "HEADWATER_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "HEADWATER_TOPIC_PREFIX": topic_prefix,
        "HEADWATER_DATABASE_URL": database_url,
        "HEADWATER_CONSUMER_PORT": str(port),
        "HEADWATER_MODEL_SERVER": f"{HOST}:{model_port}",
    }
