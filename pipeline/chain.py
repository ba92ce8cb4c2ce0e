"""The order of one request. Read ``recommendation_chain``: that is all there is to it."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from contracts.errors import HeadwaterError, UnavailableError
from pipeline.ports import Arms, ItemAge, UserRows
from pipeline.request import Answer, Request, StageReport, UserRow
from pipeline.stages.candidates import AskSources, MergeAndFilter, PopularOnly
from pipeline.stages.ranking import (
    ApplyRules,
    ItemFeatures,
    MergeOrder,
    Rank,
    RetrievalOrder,
    TopOfRank,
    WithoutReasons,
    WriteAnswer,
)
from pipeline.stages.reading import FAULTS
from pipeline.stages.user import AssignArm, Champion, FetchUser, StaleVector, UnknownUser, UserVector
from pipeline.state import Outcome, Stage, State


@dataclass(frozen=True, slots=True)
class Step:
    """A stage, its name, the share of the whole deadline that it may take, and what runs when it fails or is late."""

    name: str
    stage: Stage
    share: float
    fallback: Stage | None = None


def recommendation_chain(rows: UserRows, arms: Arms, *, deadline: float, item_age: ItemAge | None = None) -> "Chain":
    """From a user id to the answer, within ``deadline`` seconds."""
    return Chain(
        (
            Step("user_row", FetchUser(rows), 0.25, UnknownUser()),
            Step("arm", AssignArm(arms), 0.10, Champion(arms)),
            Step("user_vector", UserVector(), 0.25, StaleVector()),
            Step("candidates", AskSources(), 0.30, PopularOnly()),
            Step("filter", MergeAndFilter(), 0.20),
            Step("item_features", ItemFeatures(item_age), 0.20, MergeOrder()),
            Step("rank", Rank(), 0.40, RetrievalOrder()),
            Step("rules", ApplyRules(), 0.20, TopOfRank()),
            Step("answer", WriteAnswer(), 0.10, WithoutReasons()),
        ),
        deadline=deadline,
    )


@dataclass(frozen=True, slots=True)
class Chain:
    """Runs steps in order. A step that raises a fault, or whose turn comes after the deadline, is replaced by its
    fallback, named in ``degraded``; a fallback takes no I/O and little time. What waits (Redis, models) gets the time
    left as its limit and gives up by itself; what computes is not interrupted, it is bounded by the number of
    candidates.

    Safe to use from many threads: nothing is kept between requests. ``timer`` is a monotonic clock in seconds.
    """

    steps: tuple[Step, ...]
    deadline: float
    timer: Callable[[], float] = perf_counter

    def run(self, request: Request) -> Answer:
        """The answer. Raises HeadwaterError only where even the fallbacks cannot answer: no release is in force."""
        started = self.timer()
        state, reports, degraded = State(request), [], []
        for step in self.steps:
            begun = self.timer()
            left = min(step.share * self.deadline, self.deadline - (begun - started))
            outcome, fault = self._attempt(step, state, left)
            state = outcome.state
            if fault is not None:
                degraded.append(step.name)
            degraded.extend(outcome.degraded)
            spent = (self.timer() - begun) * 1000
            reports.append(StageReport(step.name, spent, outcome.kept, outcome.removed, fault, outcome.note))
        if state.assigned is None:
            raise UnavailableError("release", "none is in force")
        return Answer(
            request=request,
            release=state.assigned.served.release,
            experiment=state.assigned.experiment,
            arm=state.assigned.arm,
            items=state.items,
            user=state.row or UserRow(request.user_id),
            stages=tuple(reports),
            degraded=tuple(dict.fromkeys(degraded)),
            candidates={name: len(proposal.rows) for name, proposal in state.proposals.items()},
        )

    @staticmethod
    def _attempt(step: Step, state: State, left: float) -> tuple[Outcome, str | None]:
        """The step's outcome, or that of its fallback with the fault in words."""
        if step.fallback is None:
            return step.stage.run(state, left), None
        if left <= 0:
            return step.fallback.run(state, 0.0), "its turn came after the deadline"
        try:
            return step.stage.run(state, left), None
        except HeadwaterError as error:
            fault = str(error)
        except FAULTS as error:
            fault = f"{type(error).__name__}: {error}"
        return step.fallback.run(state, left), fault
