"""In which order one user is served, before business rules: the request path's stages for evaluation and training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.artifacts import Artifacts
from pipeline.blend import Blend
from pipeline.candidates import Source
from pipeline.ranking_features import ranking_features
from pipeline.request import TOTAL_CANDIDATES
from pipeline.user import UserContext
from training.rankers.examples import candidates_of

_Rows = npt.NDArray[np.int32]
_Column = npt.NDArray[np.float32]

Scorer = Callable[[UserContext, _Rows, _Column], _Column]
"""float32[n] for a user, candidates int32[n] and their features float32[n, K]."""


@dataclass(frozen=True)
class Ranker:
    """``score`` orders the best ``top`` candidates of the retrieval order; the others stay below."""

    score: Scorer
    top: int


def orders(
    user: UserContext,
    artifacts: Artifacts,
    sources: Sequence[Source],
    blend: Blend | None,
    rankers: Mapping[str, Ranker],
) -> tuple[_Rows, dict[str, _Column]]:
    """The user's candidates int32[n], and for each ranker their scores float32[n]; under ``""`` those of the retrieval
    order, which is that of the merge where there is no ``blend``."""
    candidates = candidates_of(user, sources, TOTAL_CANDIDATES)
    rows = candidates.rows
    retrieved = (1.0 / (1.0 + np.arange(len(rows)))).astype(np.float32)
    if not len(rows) or (blend is None and not rankers):
        return rows, dict.fromkeys(["", *rankers], retrieved)
    features = ranking_features(user, candidates, artifacts)
    if blend is not None:
        retrieved = blend.score(features)
    found = {"": retrieved}
    for name, ranker in rankers.items():
        best = np.argsort(-retrieved, kind="stable")[: ranker.top]
        scored = ranker.score(user, rows[best], features[best])
        order = retrieved - retrieved.max() + scored.min() - 1
        order[best] = scored
        found[name] = order
    return rows, found
