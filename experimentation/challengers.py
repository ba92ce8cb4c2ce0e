"""From the gate to an experiment: a new challenger gets its own, on a small share of users that grows while it is safe.

The split inside an experiment never changes, only the share that is enrolled, so users of all phases stay comparable.
"""

from contracts.errors import ConflictError
from contracts.experiment import Arm, Experiment, RunningExperiment, Status
from contracts.release import CHALLENGER, CHAMPION
from experimentation.jobs import WHO, Rooms

PHASES = (0.05, 0.2, 1.0)
"""Shares of users enrolled, one after another."""

GROUP = "releases"
GUARDRAILS = ("clicks_per_user:0.1",)
"""What a challenger may not harm: a higher click rate on shorter visits is no gain."""


def open_experiment(there: Rooms) -> str | None:
    """Creates and starts champion against challenger with the first phase's share. Returns the experiment's id, that
    of the one that compares them already, or None where there is nothing to compare or another experiment of releases
    still runs. Idempotent."""
    held = there.door.pointers.all()
    champion, challenger = held[CHAMPION].release_id, held[CHALLENGER].release_id
    if champion is None or challenger is None or champion == challenger:
        return None
    identifier = f"{challenger}-against-{champion}"
    experiment = Experiment(
        id=identifier,
        hypothesis=f"Release {challenger}, which passed the offline gate, is better than {champion}.",
        arms=(Arm(name="control", share=0.5, release=champion), Arm(name="challenger", share=0.5, release=challenger)),
        group=GROUP,
        guardrails=GUARDRAILS,
    )
    known = {one.experiment.id: one for one in there.experiments.list()}
    if any(one.status is Status.RUNNING and one.experiment.group == GROUP for one in known.values()):
        return identifier if identifier in known and known[identifier].status is Status.RUNNING else None
    if identifier not in known:
        there.experiments.create(experiment, who=WHO)
    if identifier not in known or known[identifier].status is Status.DRAFT:
        there.experiments.start(identifier, who=WHO, traffic=PHASES[0])
    return identifier


def next_phase(running: RunningExperiment, verdict: str, guardrails: list[str], days: int) -> float | None:
    """The share to enrol next, or None to stay: pure. ``guardrails`` are their states; the share grows after each full
    day by which all are shown to hold, the split is whole (``verdict`` is not hold) and nothing was decided."""
    if verdict != "running" or set(guardrails) - {"holds"} or running.traffic is None or days < 1:
        return None
    larger = [share for share in PHASES if share > running.traffic and share <= running.experiment.traffic]
    return larger[0] if larger else None


def grow(there: Rooms, experiment_id: str) -> float | None:
    """Enrols the next phase's share, where the newest look allows it. Once per look. Returns the share, or None."""
    running, look = there.experiments.get(experiment_id), there.experiments.last_look(experiment_id)
    if look is None or running.status is not Status.RUNNING or running.started_at is None:
        return None
    grown = [one.at for one in there.experiments.history(experiment_id) if one.change in ("started", "grown")]
    days = int((there.clock() - grown[-1].timestamp()) // 86_400)
    states = [one["state"] for one in look["comparison"]["guardrails"]]
    share = next_phase(running, look["decision"]["state"], states, days)
    if share is not None:
        try:
            there.experiments.grow(experiment_id, share, who=WHO)
        except ConflictError:
            return None
    return share
