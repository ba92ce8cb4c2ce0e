"""What a declaration may say beyond its contract."""

from contracts.errors import InvalidInputError
from contracts.experiment import Experiment
from experimentation.guardrails import Guardrail
from experimentation.users import known


def check(experiment: Experiment) -> None:
    """Raises InvalidInputError for a metric that is not known and a guardrail that cannot be."""
    known(experiment.metric)
    for text in experiment.guardrails:
        Guardrail.parse(text)


def phase(experiment: Experiment, traffic: float) -> float:
    """``traffic`` where it may be enrolled. Raises InvalidInputError when it is more than was declared."""
    if not 0 < traffic <= experiment.traffic:
        raise InvalidInputError("traffic", f"must lie above 0 and not above the declared {experiment.traffic}")
    return traffic
