"""Where the DAG ``monitor_drift`` enters: settings from the environment, plain values in and out."""

import logging
from pathlib import Path
from typing import Any

from contracts.settings import Settings
from monitoring import jobs
from monitoring.windows import TooEarlyError

__all__ = ["TooEarlyError", "alert", "log_report", "measure", "perform_step", "plan", "retrains"]

LOG = logging.getLogger(__name__)


def plan(day: str | None) -> str:
    """The id of the reading of the weeks up to ``day``."""
    return jobs.plan(Settings(), day)


def perform_step(run: str, step: str) -> dict[str, Any]:
    """One of the daily run's steps on these weeks; returns its report."""
    return jobs.perform_step(Settings(), run, step)


def measure(run: str) -> str:
    """The path of the report's page."""
    written = jobs.measure(Settings(), run)
    LOG.info("drift report: %s", written)
    return str(written)


def log_report(written: str) -> str:
    """The address of the report's run in MLflow."""
    address = jobs.log(Settings(), Path(written))
    LOG.info("drift report in MLflow: %s", address)
    return address


def alert(written: str, address: str) -> list[str]:
    """What moved, after whoever listens was told."""
    moved = jobs.alert(Settings(), Path(written), address)
    LOG.info("moved: %s", ", ".join(moved) or "nothing")
    return moved


def retrains(moved: list[str]) -> bool:
    """Whether a training is to be triggered: something moved and the setting ``drift_retrain`` is on."""
    return bool(moved) and Settings().drift_retrain
