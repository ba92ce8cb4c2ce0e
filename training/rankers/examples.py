"""What the rankers learn from: requests of the past replayed through the pipeline's own sources and features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.artifacts import Artifacts
from pipeline.blend import Blend
from pipeline.candidates import Candidates, Source, merge
from pipeline.ranking_features import RANKING_FEATURES, ranking_features
from pipeline.sources import DEFAULT_QUOTAS
from pipeline.user import History, UserContext
from training.rankers.one_thread import one_thread


@dataclass(frozen=True)
class PastRequest:
    """One user at one moment of the past, and what came next: ``wanted`` int32[w] item rows (labels)."""

    user: UserContext
    wanted: npt.NDArray[np.int32]
    validates: bool = False


@dataclass(frozen=True)
class Examples:
    """``m`` candidates of ``g`` requests, request after request.

    ``features`` float32[m, K] (columns RANKING_FEATURES), ``labels`` int8[m], ``rows`` int32[m], ``positions`` int32[m]
    (where the item was shown, from 1; 0 unknown: training-only), ``group`` int64[g] candidates of each request,
    ``histories`` and ``nows`` (epoch seconds) of each request, ``validates`` bool[g].
    """

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int8]
    rows: npt.NDArray[np.int32]
    positions: npt.NDArray[np.int32]
    group: npt.NDArray[np.int64]
    histories: Sequence[History]
    nows: npt.NDArray[np.float64]
    validates: npt.NDArray[np.bool_]

    @property
    def request_of(self) -> npt.NDArray[np.int64]:
        """The request of each candidate, int64[m]."""
        return np.repeat(np.arange(len(self.group)), self.group)

    def where(self, requests: npt.NDArray[np.bool_]) -> "Examples":
        """The examples of the requests in the mask bool[g]."""
        rows = requests[self.request_of]
        return Examples(
            self.features[rows],
            self.labels[rows],
            self.rows[rows],
            self.positions[rows],
            self.group[requests],
            [history for history, kept in zip(self.histories, requests, strict=True) if kept],
            self.nows[requests],
            self.validates[requests],
        )


def joined(*parts: Examples) -> Examples:
    """The examples of all parts, one after the other."""
    return Examples(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.group for part in parts]),
        [history for part in parts for history in part.histories],
        np.concatenate([part.nows for part in parts]),
        np.concatenate([part.validates for part in parts]),
    )


def candidates_of(user: UserContext, sources: Sequence[Source], total: int) -> Candidates:
    """The blended candidates of one user, as a request gets them, without business rules."""
    proposals = {source.name: source.propose(user, DEFAULT_QUOTAS[source.name]) for source in sources}
    return merge(proposals, [source.name for source in sources], user.seen, total)


def replay(
    requests: Sequence[PastRequest],
    artifacts: Artifacts,
    sources: Sequence[Source],
    *,
    total: int,
    top: int,
    blend: Blend | None,
    tail: int = 0,
    seed: int = 0,
    first: int = 0,
) -> Examples:
    """Candidates, features and labels of ``requests``: the ``top`` candidates of each in retrieval order, and ``tail``
    of the others at random. A request whose candidates hold nothing that was wanted teaches nothing and is left out.
    ``first`` is the number of the first of them, where they are a part of more."""
    features, labels, rows, kept = [], [], [], []
    with one_thread():
        for number, request in enumerate(requests, first):
            candidates = candidates_of(request.user, sources, total)
            wanted = np.isin(candidates.rows, request.wanted)
            if not wanted.any():
                continue
            table = ranking_features(request.user, candidates, artifacts)
            order = np.argsort(-blend.score(table), kind="stable") if blend else np.arange(len(table))
            others, random = order[top:], np.random.default_rng((seed, number))
            order = np.concatenate([order[:top], random.choice(others, min(tail, len(others)), replace=False)])
            if not wanted[order].any():
                continue
            features.append(table[order])
            labels.append(wanted[order].astype(np.int8))
            rows.append(candidates.rows[order])
            kept.append(request)
    shown = np.concatenate(rows) if rows else np.empty(0, np.int32)
    return Examples(
        features=np.concatenate(features) if features else np.empty((0, len(RANKING_FEATURES)), np.float32),
        labels=np.concatenate(labels) if labels else np.empty(0, np.int8),
        rows=shown,
        positions=np.zeros(len(shown), np.int32),
        group=np.array([len(r) for r in rows], np.int64),
        histories=[request.user.history for request in kept],
        nows=np.array([request.user.now for request in kept]),
        validates=np.array([request.validates for request in kept], np.bool_),
    )
