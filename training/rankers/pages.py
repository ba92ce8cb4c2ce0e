"""What users were shown, at which position, and whether they clicked: examples whose labels need no sampling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.artifacts import Artifacts
from pipeline.candidates import UNRANKED, Candidates, Source
from pipeline.ranking_features import RANKING_FEATURES, ranking_features
from pipeline.user import UserContext
from training.datasets.sequences import Sequences
from training.rankers.examples import Examples, candidates_of
from training.rankers.one_thread import one_thread
from training.rankers.past_requests import Tower, contexts_of, users_asked
from training.rankers.settings import ExampleSettings


@dataclass(frozen=True)
class Pages:
    """``p`` pages. ``users`` int64[p] (−1: not among the sequences), ``times`` float64[p] epoch seconds, ``features``
    float32[p, F] of the user at that moment. Page ``i`` showed ``rows[indptr[i]:indptr[i + 1]]`` int32 at ``positions``
    int32 (from 1) with ``labels`` int8 (1: clicked)."""

    users: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    features: npt.NDArray[np.float32]
    indptr: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True)
class PageRequest:
    """One page as the pipeline saw its user."""

    user: UserContext
    rows: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int8]


def page_requests(
    pages: Pages, sequences: Sequences, tower: Tower | None, settings: ExampleSettings, seed: int
) -> list[PageRequest]:
    """Pages that teach: some of their items were clicked and some not, all clicks are among the last
    ``settings.targets`` actions of their user, which the sources have not seen, and the user does not validate. At most
    ``settings.pages``, at random."""
    users, validating = users_asked(sequences, settings, seed)
    learning = np.zeros(sequences.users + 1, np.bool_)
    learning[[u for u in users if u not in validating]] = True
    chosen: list[tuple[int, int]] = []
    for page in np.random.default_rng(seed).permutation(np.flatnonzero(learning[pages.users])).tolist():
        u, span = int(pages.users[page]), slice(int(pages.indptr[page]), int(pages.indptr[page + 1]))
        start, stop = int(sequences.indptr[u]), int(sequences.indptr[u + 1])
        end = int(np.searchsorted(sequences.times[start:stop], pages.times[page], side="left"))
        if end < stop - start - settings.targets:
            continue
        clicked = pages.rows[span][pages.labels[span] > 0]
        unseen = np.isin(clicked, sequences.rows[start + end : stop]).all()
        if 0 < len(clicked) < span.stop - span.start and unseen:
            chosen.append((page, end))
            if len(chosen) == settings.pages:
                break
    which = np.array([page for page, _ in chosen], np.int64)
    histories = [sequences.history(int(pages.users[page]), end) for page, end in chosen]
    known = pages.features[which] if pages.features.shape[1] else None
    contexts = contexts_of(histories, pages.times[which], tower, known, settings.history)
    requests = []
    for user, (page, _) in zip(contexts, chosen, strict=True):
        span = slice(int(pages.indptr[page]), int(pages.indptr[page + 1]))
        requests.append(PageRequest(user, pages.rows[span], pages.positions[span], pages.labels[span]))
    return requests


def replay_pages(
    requests: Sequence[PageRequest], artifacts: Artifacts, sources: Sequence[Source], *, total: int
) -> Examples:
    """The shown items with the features that they have among the candidates of today's sources."""
    with one_thread():
        tables = [_features(request, artifacts, sources, total) for request in requests]
    empty = np.empty(0, np.int32)
    return Examples(
        features=np.concatenate([np.empty((0, len(RANKING_FEATURES)), np.float32), *tables]),
        labels=np.concatenate([empty, *(request.labels for request in requests)]).astype(np.int8),
        rows=np.concatenate([empty, *(request.rows for request in requests)]).astype(np.int32),
        positions=np.concatenate([empty, *(request.positions for request in requests)]).astype(np.int32),
        group=np.array([len(request.rows) for request in requests], np.int64),
        histories=[request.user.history for request in requests],
        nows=np.array([request.user.now for request in requests], np.float64),
        validates=np.zeros(len(requests), np.bool_),
    )


def _features(
    request: PageRequest, artifacts: Artifacts, sources: Sequence[Source], total: int
) -> npt.NDArray[np.float32]:
    found = candidates_of(request.user, sources, total)
    unnamed = np.setdiff1d(request.rows, found.rows)
    among = Candidates(
        found.sources,
        np.concatenate([found.rows, unnamed]),
        np.concatenate([found.scores, np.full((len(unnamed), len(found.sources)), np.nan, np.float32)]),
        np.concatenate([found.ranks, np.full((len(unnamed), len(found.sources)), UNRANKED, np.int32)]),
    )
    order = np.argsort(among.rows)
    at = order[np.searchsorted(among.rows, request.rows, sorter=order)]
    return ranking_features(request.user, among, artifacts)[at]
