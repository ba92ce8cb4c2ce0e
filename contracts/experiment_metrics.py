"""The answer of ``GET /v1/experiments/{id}/metrics``: the fields that stay; an answer may hold more."""

from pydantic import BaseModel

from contracts.experiment import Status


class ArmMetrics(BaseModel):
    """What was logged for one arm; ``conversion_rate`` is the share of its users who converted in their window."""

    name: str
    release: str | None
    users: int
    impressions: int
    clicks: int
    conversions: int
    ctr: float
    conversion_rate: float


class VarianceReduction(BaseModel):
    """The share of the variance that CUPED took away."""

    variance_reduction: float


class SampleRatio(BaseModel):
    """Whether the arms' sizes are those declared."""

    p_value: float
    ok: bool


class GuardrailMetrics(BaseModel):
    """What became of one metric that must not fall."""

    metric: str
    state: str


class ComparisonMetrics(BaseModel):
    """The best arm against the control. A bound that cannot be given yet is null."""

    metric: str
    effect: float
    interval: tuple[float | None, float | None]
    p_value: float
    method: str
    cuped: VarianceReduction
    srm: SampleRatio
    guardrails: list[GuardrailMetrics]


class DecisionTaken(BaseModel):
    """What was decided and why; ``at`` is null before the first look."""

    state: str
    reason: str
    at: str | None


class ExperimentMetrics(BaseModel):
    """The newest look at an experiment."""

    id: str
    status: Status
    arms: list[ArmMetrics]
    comparison: ComparisonMetrics
    decision: DecisionTaken
