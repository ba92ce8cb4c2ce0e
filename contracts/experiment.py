"""An experiment is data: what is compared, on whom, and when it may decide."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contracts.rows import Id, Instant


class Status(StrEnum):
    """Where an experiment stands. ``draft → running → stopped``, or to a decision."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    FUTILE = "futile"
    INCONCLUSIVE = "inconclusive"


class Arm(BaseModel):
    """What one group of users gets. Unset fields are those of the champion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    share: Annotated[float, Field(gt=0, le=1)]
    release: str | None = None
    rules: str | None = None
    settings: dict[str, float | str] = Field(default_factory=dict)


class Experiment(BaseModel):
    """The declaration that people write. Shares of the arms sum to 1; ``traffic`` is the share of users enrolled.

    A ``split`` gives each user one arm. An ``interleaving`` drafts every list from the rankings of both arms: a quick
    first look at which is preferred, so it only recommends, and has no guardrails."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[Id, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
    kind: Literal["split", "interleaving"] = "split"
    hypothesis: str = ""
    arms: Annotated[tuple[Arm, ...], Field(min_length=2)]
    traffic: Annotated[float, Field(gt=0, le=1)] = 1.0
    segments: tuple[str, ...] = ()
    group: str | None = Field(None, description="experiments of one exclusive group never share a user")
    metric: str = "ctr"
    guardrails: tuple[str, ...] = ()
    minimum_days: Annotated[int, Field(ge=0)] = 3
    maximum_days: Annotated[int, Field(ge=1)] = 28
    smallest_effect: Annotated[float, Field(ge=0, description="relative lift worth shipping")] = 0.01
    window_days: Annotated[int, Field(ge=1, description="days from first exposure that count for a user")] = 7
    recommend_only: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if abs(sum(arm.share for arm in self.arms) - 1.0) > 1e-9:
            raise ValueError("arms: the shares must sum to 1")
        if len({arm.name for arm in self.arms}) != len(self.arms):
            raise ValueError("arms: the names must differ")
        if self.maximum_days < self.minimum_days:
            raise ValueError("maximum_days: must not be below minimum_days")
        if self.kind == "interleaving" and (len(self.arms) != 2 or self.guardrails or not self.recommend_only):
            raise ValueError("kind: an interleaving has two arms, no guardrails and recommend_only true")
        return self


class RunningExperiment(BaseModel):
    """An experiment with its state, as the gateway and the analysis read it. The first arm is the control."""

    model_config = ConfigDict(frozen=True)

    experiment: Experiment
    status: Status
    started_at: Instant | None = None
    ended_at: Instant | None = None
    slot: float = Field(0.0, description="where the experiment's share of its exclusive group begins")
    traffic: float | None = Field(None, description="share enrolled in the present phase; None is experiment.traffic")
