"""A release directory as it answers: its sources and its rankers' orders, over any numbering of the items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contracts.release import HISTORY_LENGTH
from pipeline import ann_library
from pipeline.artifacts import Artifacts
from pipeline.candidates import Source
from pipeline.lambdamart import LambdaMart
from pipeline.request import TOTAL_CANDIDATES
from pipeline.sources import default_sources
from pipeline.user import History, UserContext
from training.jobs.exported import ExportedRanker, ExportedTower
from training.jobs.outputs import DEEP, FOREST
from training.models.fitted import Scores
from training.rankers.one_thread import one_thread
from training.rankers.order import Ranker, orders
from training.rankers.past_requests import contexts_of

DEEPEST = 1000


@dataclass(frozen=True)
class Answers:
    """What the users of one set of questions would be served: candidates int32[n] a user, and scores float32[n] under
    each ranker's name; ``""`` is the retrieval order."""

    rows: list[npt.NDArray[np.int32]]
    scores: list[dict[str, npt.NDArray[np.float32]]]


@dataclass(frozen=True)
class Popularity:
    """The columns of ``pipeline.items.Items`` that change with every action, float32[n] each."""

    count: npt.NDArray[np.float32]
    count_7d: npt.NDArray[np.float32]
    count_28d: npt.NDArray[np.float32]
    popular: npt.NDArray[np.float32]
    trending: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Released:
    """A release directory opened for evaluation, as the gateway would open it. ``numbering`` int32[n] gives for each
    item of the asked numbering the row in this release, −1 where it does not know the item; ``ranker`` names the one
    that serves."""

    artifacts: Artifacts
    sources: Mapping[str, Source]
    tower: ExportedTower | None
    rankers: Mapping[str, Ranker]
    ranker: str
    numbering: npt.NDArray[np.int32]

    @classmethod
    def load(cls, release: Path, item_ids: Sequence[str] | None = None, ranker: str = FOREST) -> "Released":
        """Opens ``release``; questions and answers are numbered by ``item_ids`` (None: as it numbers its own).
        ``ranker`` is the one that its manifest names."""
        artifacts = Artifacts.load(release)
        if item_ids is None:
            numbering = np.arange(len(artifacts.items), dtype=np.int32)
        else:
            numbering = artifacts.items.ids.rows(item_ids)
        return cls(
            artifacts,
            _sources(release, artifacts),
            ExportedTower.load(release) if (release / "models" / "user_tower").is_dir() else None,
            _rankers(release),
            ranker,
            numbering,
        )

    def counted(self, at: Popularity) -> "Released":
        """The same with popularity of another moment, in the asked numbering. A release in force keeps its popularity
        up to date, and a comparison needs all of one moment."""
        known = self.numbering >= 0

        def own(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            found = np.zeros(len(self.artifacts.items), np.float32)
            found[self.numbering[known]] = values[known]
            return found

        items = replace(
            self.artifacts.items,
            count=own(at.count),
            count_7d=own(at.count_7d),
            count_28d=own(at.count_28d),
            popular=own(at.popular),
            trending=own(at.trending),
        )
        artifacts = self.artifacts.with_items(items)
        renewed = {source.name: source for source in default_sources(artifacts)}
        kept = {"two_tower": self.sources["two_tower"]} if "two_tower" in self.sources else {}
        return replace(self, artifacts=artifacts, sources=renewed | kept)

    def users(
        self, histories: Sequence[History], now: npt.NDArray[np.float64], features: npt.NDArray[np.float32] | None
    ) -> list[UserContext]:
        """Users as the request path sees them; ``features`` float32[b, F] in the order that the tower reads."""
        if self.tower is not None and features is not None and features.shape[1] != self.tower.features:
            features = None
        own = [self._renumbered(history) for history in histories]
        return contexts_of(own, now, self.tower, features, HISTORY_LENGTH)

    def answers(self, users: Sequence[UserContext]) -> Answers:
        """The candidates of ``users`` in the order of every ranker."""
        sources, blend = tuple(self.sources.values()), self.artifacts.blend
        with one_thread():
            found = [orders(user, self.artifacts, sources, blend, self.rankers) for user in users]
        return Answers([rows for rows, _ in found], [scores for _, scores in found])

    def ranked(self, answers: Answers, name: str, start: int, stop: int) -> Scores:
        """float32[stop − start, n] in the asked numbering, −inf where not proposed."""
        lists = [(answers.rows[at], answers.scores[at][name]) for at in range(start, stop)]
        return self._dense(lists)

    def proposed(self, source: str, users: Sequence[UserContext]) -> Scores:
        """float32[b, n]: one source's proposals, in the asked numbering."""
        with one_thread():
            proposals = [self.sources[source].propose(user, DEEPEST) for user in users]
        return self._dense([(proposal.rows, proposal.scores) for proposal in proposals])

    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:
        """float32[b, n]: the order of the ranker that serves, user features unknown."""
        answers = self.answers(self.users(histories, now, None))
        return self.ranked(answers, self.ranker if self.ranker in self.rankers else "", 0, len(histories))

    def _renumbered(self, history: History) -> History:
        rows = self.numbering[history.rows]
        kept = rows >= 0
        return History(rows[kept], history.actions[kept], history.times[kept], history.ordered)

    def _dense(self, lists: Sequence[tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]]) -> Scores:
        known = np.flatnonzero(self.numbering >= 0)
        asked = np.full(len(self.artifacts.items), -1, np.int32)
        asked[self.numbering[known]] = known
        found = np.full((len(lists), len(self.numbering)), -np.inf, np.float32)
        for at, (rows, scores) in enumerate(lists):
            places = asked[rows]
            found[at, places[places >= 0]] = scores[places >= 0]
        return found


def _sources(release: Path, artifacts: Artifacts) -> dict[str, Source]:
    index = None
    if artifacts.vectors is not None and (release / "ann").is_dir():
        index = ann_library.load(release / "ann", np.asarray(artifacts.vectors))
    return {source.name: source for source in default_sources(artifacts, index)}


def _rankers(release: Path) -> dict[str, Ranker]:
    rankers: dict[str, Ranker] = {}
    forest = LambdaMart.of_release(release)
    if forest is not None:
        rankers[FOREST] = Ranker(lambda _user, _rows, features: forest.predict(features), forest.top)
    if (release / "models" / "ranker").is_dir():
        rankers[DEEP] = Ranker(ExportedRanker.load(release).score, TOTAL_CANDIDATES)
    return rankers
