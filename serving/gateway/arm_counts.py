"""Live counts of each release and arm, for ``/metrics``: their quotients over time are CTR and conversion.

An event says which request it answers, not which arm; the arm is computed from the user, as everywhere. An experiment
on segments needs the user's row for that, so its events count for no arm here. The analysis attributes exactly.
"""

from collections.abc import Sequence

from contracts.events import Action
from contracts.requests import EventIn
from experimentation.assignment import assign
from pipeline.request import Answer
from serving.gateway import metrics
from serving.gateway.in_force import InForce
from serving.gateway.interleaved import INTERLEAVED

COUNTED = {Action.CLICK: metrics.ARM_CLICKS, Action.PURCHASE: metrics.ARM_PURCHASES}


def count_impressions(answer: Answer) -> None:
    """The items of an answer; those of a forced arm are nobody's."""
    if answer.request.arm is None:
        metrics.ARM_IMPRESSIONS.labels(answer.release, answer.experiment or "", answer.arm or "").inc(len(answer.items))


def count_events(events: Sequence[EventIn], in_force: InForce) -> None:
    """The clicks and purchases that answer a request."""
    running = [one for one in in_force.running if not one.experiment.segments]
    for event in events:
        if event.request_id is None or event.action not in COUNTED:
            continue
        found = assign(running, event.user_id)
        release, experiment, arm = in_force.champion.release, "", ""
        if found is not None:
            release, experiment, arm = found[1].release or release, found[0].experiment.id, found[1].name
            arm = INTERLEAVED if found[0].experiment.kind == "interleaving" else arm
        COUNTED[event.action].labels(release, experiment, arm).inc()
