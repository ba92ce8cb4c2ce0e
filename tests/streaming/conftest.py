"""Streaming's own processes never import Feast; in the tests' one process another test may have."""

import pytest


@pytest.fixture(autouse=True)
def _metrics_of_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """``import feast`` turns prometheus_client's multi-process mode on for everybody, by two variables."""
    for name in ("PROMETHEUS_MULTIPROC_DIR", "PROMETHEUS_MULTIPROCESS_DIR"):
        monkeypatch.delenv(name, raising=False)
