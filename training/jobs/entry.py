"""What DAG files call: settings are read here, and nowhere below."""

from typing import Any

from contracts.settings import Settings
from training.jobs.steps import run_step as perform_step
from training.validation.broken import BrokenDataError

__all__ = ["BrokenDataError", "plan_run", "run_step"]


def plan_run(date: str | None, seed: int | None, budget_seconds: int | None) -> str:
    """Names and records a run (see ``training.jobs.plan``) and returns its id."""
    from training.jobs.plan import plan

    return plan(Settings(), date=date, seed=seed, budget_seconds=budget_seconds).id


def run_step(run_id: str, step: str) -> dict[str, Any]:
    """Performs one step and returns its report."""
    return perform_step(run_id, step, Settings())
