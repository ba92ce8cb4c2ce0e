"""One list from the rankings of two arms, for users of an interleaving experiment."""

from collections.abc import Sequence
from dataclasses import replace

from contracts.experiment import RunningExperiment
from experimentation.assignment import uniform
from experimentation.team_draft import team_draft
from pipeline.request import Answer, Team
from serving.gateway.arms import ArmKey

INTERLEAVED = "interleaved"
"""The arm of every user of such an experiment."""


def rival(running: Sequence[RunningExperiment], answer: Answer) -> ArmKey | None:
    """The other arm whose ranking must join ``answer``; None where its experiment is no interleaving."""
    for one in running:
        experiment = one.experiment
        if experiment.id == answer.experiment and experiment.kind == "interleaving":
            return experiment.id, next(arm.name for arm in experiment.arms if arm.name != answer.arm)
    return None


def drafted(answers: tuple[Answer, Answer]) -> Answer:
    """The list that two arms' answers to one request draft. Who picks first in a round is a hash of the request, so
    the same request gives the same list. Where the second arm could not answer, the first stands alone, outside the
    experiment."""
    first, second = answers
    if second.arm is None:
        return replace(first, experiment=None, arm=None)
    teams = tuple(Team(str(one.arm), one.release) for one in answers)
    by_id = [{item.item_id: item for item in one.items} for one in answers]
    label = f"draft:{first.experiment}:{first.request.request_id}"
    picks = team_draft(
        list(by_id[0]), list(by_id[1]), len(first.items), lambda number: uniform(label, str(number)) < 0.5
    )
    return replace(
        first,
        arm=INTERLEAVED,
        items=tuple(
            replace(by_id[team][item_id], position=position, team=teams[team])
            for position, (item_id, team) in enumerate(picks, 1)
        ),
        stages=first.stages + second.stages,
        degraded=tuple(dict.fromkeys(first.degraded + second.degraded)),
    )
