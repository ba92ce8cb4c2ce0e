"""In which order: features, the ranker, the rules, the answer."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from contracts.errors import UnavailableError
from pipeline.explanation import reasons
from pipeline.ports import ItemAge
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.ranking_features import ranking_features
from pipeline.request import AnswerItem
from pipeline.rows import among, union
from pipeline.rules.selection import Selection, select
from pipeline.stages.reading import candidates_of, served, user_of
from pipeline.state import Outcome, State

STALE_SECONDS = 300.0
"""Item features that were last read longer ago than this are named in ``degraded``: the store is out of reach."""


@dataclass(frozen=True, slots=True)
class ItemFeatures:
    """The features of every candidate, and by them the retrieval order (the release's blend).

    ``age`` is told where items are read again while they are served."""

    age: ItemAge | None = None

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        artifacts, candidates = served(state).artifacts, candidates_of(state)
        features = ranking_features(user_of(state), candidates, artifacts)
        if state.request.items:
            asked = among(candidates.rows, union([artifacts.items.rows_of(state.request.items)]))
            candidates, features = candidates.take(asked), features[asked]
        scores = merge_order(len(candidates))
        if artifacts.blend is not None:
            scores = artifacts.blend.score(features)
            order = np.argsort(-scores, kind="stable")
            candidates, features, scores = candidates.take(order), features[order], scores[order]
        state = replace(state, candidates=candidates, features=features, scores=scores)
        note = f"{len(RANKING_FEATURES)} columns"
        if self.age is None:
            return Outcome(state, kept=len(candidates), note=note)
        age = self.age(state.request.now)
        degraded = ("item_features",) if age > STALE_SECONDS else ()
        return Outcome(state, kept=len(candidates), degraded=degraded, note=f"{note}; items last read {age:.1f} s ago")


@dataclass(frozen=True, slots=True)
class MergeOrder:
    """Fallback: the order in which the sources named the items."""

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        candidates = candidates_of(state)
        if state.request.items:
            asked = served(state).artifacts.items.rows_of(state.request.items)
            candidates = candidates.take(among(candidates.rows, union([asked])))
        state = replace(state, candidates=candidates, features=None, scores=merge_order(len(candidates)))
        return Outcome(state, kept=len(candidates))


def merge_order(n: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Falling scores float32[n] for candidates that are in order already."""
    return (1.0 / (1.0 + np.arange(n))).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Rank:
    """The ranker's order of the best candidates; those beyond its ``top`` keep their order below."""

    def run(self, state: State, left: float) -> Outcome:
        release, candidates = served(state), candidates_of(state)
        if release.ranker is None or not len(candidates):
            return Outcome(state, kept=len(candidates), note="retrieval order")
        if state.features is None or state.scores is None:
            raise UnavailableError("ranker", "there are no features to rank by")
        top = min(release.ranker.top, len(candidates))
        head = np.arange(top)
        scored = release.ranker.score(user_of(state), candidates.take(head), state.features[:top], left)
        if scored.shape != (top,) or not np.isfinite(scored).all():
            raise UnavailableError("ranker", f"{release.ranker.name} gave no finite score for every candidate")
        below = scored.min() - 1 - np.arange(len(candidates) - top, dtype=np.float32)
        scores = np.concatenate([scored, below]).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        ranked = replace(state, candidates=candidates.take(order), features=state.features[order], scores=scores[order])
        return Outcome(ranked, kept=len(candidates), note=f"{release.ranker.name} on {top}")


@dataclass(frozen=True, slots=True)
class RetrievalOrder:
    """Fallback: the candidates as they are."""

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        return Outcome(state, kept=len(candidates_of(state)))


@dataclass(frozen=True, slots=True)
class ApplyRules:
    """The business rules pick the answer's items from the ranked list. A list to be ranked is only ordered."""

    def run(self, state: State, left: float) -> Outcome:
        request, release, candidates = state.request, served(state), candidates_of(state)
        if request.items or state.scores is None:
            return TopOfRank().run(state, left)
        items = release.artifacts.items
        barred = items.rows_of(tuple(request.exclude))
        if request.category is not None:
            pinned = np.array([row for row, *_ in release.rules.pinned], np.int32)
            barred = np.concatenate([barred, pinned[~among(pinned, items.rows_in(request.category))]])
        selection = select(candidates.rows, state.scores, release.rules, request.count, request.now, barred)
        return Outcome(replace(state, selection=selection), kept=len(selection.rows), removed=selection.removed)


@dataclass(frozen=True, slots=True)
class TopOfRank:
    """Fallback: the best of the ranked list, unmixed. What rules forbid was filtered before."""

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        rows = candidates_of(state).rows
        limit = len(rows) if state.request.items else state.request.count
        selection = Selection(rows[:limit], frozenset(), ())
        return Outcome(replace(state, selection=selection), kept=len(selection.rows))


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """Positions, sources and reasons."""

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        return _answer(state, explained=True)


@dataclass(frozen=True, slots=True)
class WithoutReasons:
    """Fallback: the items alone."""

    def run(self, state: State, left: float) -> Outcome:  # noqa: ARG002
        return _answer(state, explained=False)


def _places(rows: npt.NDArray[np.int32], among_rows: npt.NDArray[np.int32]) -> list[int | None]:
    """Where each of ``rows`` stands in ``among_rows``; None for one that does not (a pin)."""
    hit = rows[:, None] == among_rows[None, :]
    return [int(row.argmax()) if row.any() else None for row in hit]


def _answer(state: State, *, explained: bool) -> Outcome:
    artifacts, candidates = served(state).artifacts, candidates_of(state)
    selection = state.selection or Selection(candidates.rows[: state.request.count], frozenset(), ())
    places = _places(selection.rows, candidates.rows)
    named = [candidates.named_by(place) if place is not None else () for place in places]
    told = reasons(selection.rows, named, user_of(state), artifacts) if explained else [()] * len(named)
    nothing, items = np.empty(0, np.float32), []
    for at, (row, place) in enumerate(zip(selection.rows.tolist(), places, strict=True)):
        items.append(
            AnswerItem(
                item_id=artifacts.items.ids[row],
                title=artifacts.items.titles[row],
                category=artifacts.items.categories_of(row),
                row=row,
                position=at + 1,
                score=float(state.scores[place]) if place is not None and state.scores is not None else 0.0,
                sources=("pin", *named[at]) if row in selection.pinned else named[at],
                reasons=told[at],
                features=state.features[place] if place is not None and state.features is not None else nothing,
            )
        )
    return Outcome(replace(state, items=tuple(items)), kept=len(items))
