"""What is looked at of one week: one row a user, as the champion would have served them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from contracts.release import Manifest
from monitoring.calibration import ShownItems
from monitoring.windows import Window
from pipeline.request import TOTAL_CANDIDATES
from pipeline.user import UserContext
from training.datasets.user_features import UserFeatures
from training.evaluation.metrics import Ragged, evaluate
from training.jobs.dataset import DataSet
from training.jobs.evaluate import features_of
from training.jobs.questions import Questions, ask
from training.jobs.released import Released
from training.rankers.pages import PageRequest, Pages, replay_pages

Values = npt.NDArray[np.float64]

METRIC = "ndcg@10"
PAGES = 500
"""Pages whose items are scored again, at some milliseconds each."""


@dataclass(frozen=True)
class Source:
    """All that a week's sample is drawn from. ``features`` are aligned with ``data.everything``."""

    data: DataSet
    features: UserFeatures
    pages: Pages | None
    champion: Released
    manifest: Manifest


@dataclass(frozen=True)
class Sample:
    """``u`` users of a week, one action of each (their target). ``features`` float32[u, F] as of that moment;
    ``actions``, ``categories`` and ``items`` int64[u] codes of the target and ``popularity`` float64[u], the logarithm
    of how often its item was chosen before the reference week; ``user_vectors`` and ``item_vectors`` float32[·, d]
    where the champion has them; ``scores`` float64[u] of the item that it would have put first; ``metric``
    float64[u]; ``clicks`` and ``impressions`` float64[v] of users who were shown something, and some of these items
    again in ``shown``."""

    features: npt.NDArray[np.float32]
    actions: npt.NDArray[np.int64]
    categories: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    popularity: Values
    user_vectors: npt.NDArray[np.float32] | None
    item_vectors: npt.NDArray[np.float32] | None
    scores: Values
    metric: Values
    clicks: Values
    impressions: Values
    shown: ShownItems | None

    @property
    def users(self) -> int:
        """How many were asked about."""
        return len(self.features)


def halves(users: int, seed: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Masks bool[users] of those who speak for one week and those who speak for the other. Nobody does for both, so
    that the rows of two samples are independent and the tests' p-values are what they claim to be."""
    first = np.random.default_rng(seed).random(users) < 0.5
    return first, ~first


def popularity_before(data: DataSet, moment: float) -> Values:
    """float64[n]: logarithm of one plus the actions with each item before ``moment``."""
    earlier = data.everything.rows[data.everything.times < moment]
    return np.log1p(np.bincount(earlier, minlength=len(data.items)).astype(np.float64))


def draw(source: Source, window: Window, chosen: npt.NDArray[np.bool_], popularity: Values, seed: int) -> Sample:
    """The sample of ``window`` among the users in the mask ``chosen``."""
    everything, champion = source.data.everything, source.champion
    kept = (everything.times >= window.start - window.history) & (everything.times < window.end)
    kept &= chosen[everything.user_of]
    own = everything.keep(kept)
    asked = ask(DataSet(own, own, source.data.items, window.start), source.features.keep(kept), seed)
    users = (
        champion.users(asked.histories, asked.now, features_of(source.manifest, asked.features)) if len(asked) else []
    )
    places = own.indptr[asked.users] + np.array([len(history) for history in asked.histories], np.int64)
    targets = asked.targets.rows
    rows, vectors = champion.numbering[targets], champion.artifacts.vectors
    told = [user.vector for user in users if user.vector is not None]
    scores, metric = _served(champion, users, asked, len(source.data.items))
    clicks, impressions = _outcomes(source.pages, window, chosen)
    return Sample(
        features=asked.features,
        actions=own.actions[places].astype(np.int64),
        categories=_first_categories(source.data)[targets],
        items=targets.astype(np.int64),
        popularity=popularity[targets],
        user_vectors=np.stack(told) if told else None,
        item_vectors=None if vectors is None else np.asarray(vectors[rows[rows >= 0]]),
        scores=scores,
        metric=metric,
        clicks=clicks,
        impressions=impressions,
        shown=_shown_again(source, window, chosen, seed),
    )


def _order(champion: Released) -> str:
    return champion.ranker if champion.ranker in champion.rankers else ""


def _served(champion: Released, users: Sequence[UserContext], asked: Questions, items: int) -> tuple[Values, Values]:
    """The score of each user's first item, and METRIC."""
    if not users:
        return np.empty(0), np.empty(0)
    answers, order = champion.answers(users), _order(champion)
    seen = Ragged.of([np.unique(history.rows) for history in asked.histories])
    measured = evaluate(partial(champion.ranked, answers, order), seen, asked.targets, items, (10,))
    first = [float(scores[order].max()) for scores in answers.scores if len(scores[order])]
    return np.array(first), measured.values[METRIC]


def _first_categories(data: DataSet) -> npt.NDArray[np.int64]:
    """int64[n]: each item's first category; one more than the last where it has none."""
    starts, indices = data.items.category_indptr[:-1], data.items.category_indices
    found = np.full(len(data.items), len(data.items.category_names), np.int64)
    has = np.diff(data.items.category_indptr) > 0
    found[has] = indices[starts[has]]
    return found


def _pages_of(pages: Pages, window: Window, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Which pages were shown to a chosen user within the window."""
    within = (pages.times >= window.start) & (pages.times < window.end) & (pages.users >= 0)
    return np.flatnonzero(within & chosen[pages.users])


def _outcomes(pages: Pages | None, window: Window, chosen: npt.NDArray[np.bool_]) -> tuple[Values, Values]:
    """Clicks and impressions float64[v] of every user who was shown something."""
    if pages is None or not len(which := _pages_of(pages, window, chosen)):
        return np.empty(0), np.empty(0)
    clicks = np.add.reduceat(pages.labels.astype(np.float64), pages.indptr[:-1])
    _, user = np.unique(pages.users[which], return_inverse=True)
    shown = np.diff(pages.indptr)[which]
    return np.bincount(user, clicks[which]).astype(np.float64), np.bincount(user, shown).astype(np.float64)


def _shown_again(source: Source, window: Window, chosen: npt.NDArray[np.bool_], seed: int) -> ShownItems | None:
    """Items of at most PAGES pages of the window as the champion's ranker scores them; None without one or pages."""
    champion, pages = source.champion, source.pages
    if pages is None or not _order(champion) or not len(which := _pages_of(pages, window, chosen)):
        return None
    which = np.random.default_rng(seed).permutation(which)[:PAGES]
    everything, since = source.data.everything, window.start - window.history
    histories = []
    for page in which.tolist():
        known = everything.history(int(pages.users[page]), now=float(pages.times[page]))
        histories.append(known.last(int((known.times >= since).sum())))
    users = champion.users(histories, pages.times[which], features_of(source.manifest, pages.features[which]))
    requests = []
    for user, page in zip(users, which.tolist(), strict=True):
        span = slice(int(pages.indptr[page]), int(pages.indptr[page + 1]))
        rows = champion.numbering[pages.rows[span]]
        known_rows = rows >= 0
        requests.append(
            PageRequest(user, rows[known_rows], pages.positions[span][known_rows], pages.labels[span][known_rows])
        )
    examples = replay_pages(requests, champion.artifacts, tuple(champion.sources.values()), total=TOTAL_CANDIDATES)
    ranker, stops = champion.rankers[champion.ranker], np.cumsum(examples.group)
    scores = [
        ranker.score(request.user, request.rows, examples.features[stop - len(request.rows) : stop])
        for request, stop in zip(requests, stops.tolist(), strict=True)
    ]
    shown_to = np.repeat(pages.users[which], [len(request.rows) for request in requests])
    return ShownItems(np.concatenate(scores).astype(np.float64), examples.positions, examples.labels, shown_to)
