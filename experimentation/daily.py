"""Where the DAG ``analyze_experiments`` enters: settings from the environment, plain values in and out."""

import logging
from datetime import date
from typing import Any

from contracts.settings import Settings
from experimentation import challengers, jobs

LOG = logging.getLogger(__name__)


def running() -> list[str]:
    """The ids of the experiments that run; where the settings say so, that of a new challenger is started first."""
    settings = Settings()
    there = jobs.rooms(settings)
    if settings.challenger_experiment:
        LOG.info("challenger's experiment: %s", challengers.open_experiment(there))
    return jobs.running_ids(there)


def analyse(experiment: str, day: str | None = None) -> dict[str, Any]:
    """One look up to the end of ``day`` (YYYY-MM-DD; not later than yesterday, which is the default). Returns
    ``{"experiment", "decision"}``."""
    there = jobs.rooms(Settings())
    last = jobs.yesterday(there.clock)
    until = min(date.fromisoformat(day), last) if day else last
    decision = jobs.analyse_experiment(there, experiment, until)["decision"]
    LOG.info("%s until %s: %s, %s", experiment, until, decision["state"], decision["reason"])
    return {"experiment": experiment, "decision": decision}


def carry_out(look: dict[str, Any]) -> dict[str, Any]:
    """Does what the look decided and says what it did."""
    outcome = jobs.carry_out(jobs.rooms(Settings()), look["experiment"], look["decision"])
    LOG.info("%s: %s; %s", look["experiment"], outcome, look["decision"]["reason"])
    return outcome


def grow(look: dict[str, Any]) -> float | None:
    """Enrols the next share of users where the look allows it; returns the share, or None."""
    share = challengers.grow(jobs.rooms(Settings()), look["experiment"])
    LOG.info("%s enrols %s", look["experiment"], share if share is not None else "as before")
    return share
