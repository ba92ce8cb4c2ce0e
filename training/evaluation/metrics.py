"""Accuracy and beyond-accuracy metrics over all items, streamed a block of users at a time.

recall@k: share of a user's targets in the first k. hit_rate@k: whether any is. ndcg@k: binary gains, discount
1 / log2(rank + 1), divided by the best that min(targets, k) hits could give (Järvelin & Kekäläinen, TOIS 2002).
mrr: reciprocal rank of the first target. coverage@k: share of the catalogue in anyone's first k. diversity@k: one
minus the mean Jaccard similarity of categories over the pairs of a list (Ziegler et al., WWW 2005).
novelty@k: mean −log2 of the share of interactions that an item has (Vargas & Castells, RecSys 2011).
Means are over users; every user counts once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse

from contracts.errors import InvalidInputError
from training.evaluation.ranking import NEVER, Rows, Scores, target_ranks, tie_order, top, without_seen

Values = npt.NDArray[np.float64]
ScoreBlock = Callable[[int, int], Scores]
"""Scores of the users from ``start`` up to ``stop``: float32[stop - start, n_items]."""

PAIRS_LIMIT = 20
"""Diversity is measured on lists up to this length: its pairs grow with the square, and nobody sees more at once."""

LIST_LIMIT = 100
"""Coverage is measured on lists up to this length; longer lists are not shown to anyone."""

_BLOCK_BYTES = 128 << 20


@dataclass(frozen=True)
class Ragged:
    """A list of item rows a user: user ``u`` has ``rows[indptr[u]:indptr[u + 1]]``; int64[U + 1] and int32[…]."""

    indptr: npt.NDArray[np.int64]
    rows: Rows

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def of(cls, lists: Sequence[Sequence[int] | npt.NDArray[np.integer]]) -> "Ragged":
        """From one sequence of item rows a user."""
        lengths = np.fromiter((len(one) for one in lists), np.int64, len(lists))
        flat = np.concatenate([np.asarray(one, np.int32) for one in lists]) if len(lists) else np.empty(0, np.int32)
        return cls(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), flat.astype(np.int32))


@dataclass(frozen=True)
class Catalogue:
    """What beyond-accuracy metrics know of items: ``categories`` a 0/1 sparse matrix [n_items, C], ``popularity``
    float64[n_items] counts of interactions in training. Either may be None, then its metric is left out."""

    categories: sparse.csr_matrix | None = None
    popularity: Values | None = None


@dataclass(frozen=True)
class UserMetrics:
    """Per-user values (float64[U] a metric, NaN where a user has none) and ``overall`` figures that are no mean."""

    values: dict[str, Values]
    overall: dict[str, float]
    users: int
    first_ranks: Rows = field(repr=False)

    def means(self) -> dict[str, float]:
        """Metric → mean over users, with the overall figures."""
        return {name: float(np.nanmean(v)) for name, v in self.values.items() if not np.isnan(v).all()} | self.overall

    def take(self, users: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> dict[str, Values]:
        """The per-user values of a segment."""
        return {name: values[users] for name, values in self.values.items()}


def evaluate(
    score: ScoreBlock,
    seen: Ragged,
    targets: Ragged,
    n_items: int,
    ks: Sequence[int] = (10, 100, 1000),
    *,
    catalogue: Catalogue | None = None,
    block: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> UserMetrics:
    """Ranks all items that each user has not met and measures where the targets stand.

    ``seen`` and ``targets`` have one list a user. A target that is also seen can be in no list and counts as missed.
    ``progress(done, users)`` is called after each block. Raises InvalidInputError for a user without targets, a k below
    1 and scores that are NaN or of the wrong shape.
    """
    counts = np.diff(targets.indptr)
    if len(seen) != len(targets):
        raise InvalidInputError("seen", f"has {len(seen)} users, targets has {len(targets)}")
    if not len(targets) or (counts == 0).any():
        raise InvalidInputError("targets", "every user needs at least one target")
    if not ks or min(ks) < 1:
        raise InvalidInputError("k", f"{list(ks)} must be whole numbers from 1")
    known, ties, users = catalogue or Catalogue(), tie_order(n_items), len(targets)
    list_ks = [k for k in ks if k <= LIST_LIMIT]
    size = block or max(1, min(1024, _BLOCK_BYTES // (4 * max(n_items, 1))))
    ranks = np.empty(len(targets.rows), np.int32)
    shown = {k: np.zeros(n_items, bool) for k in list_ks}
    beyond: dict[str, list[Values]] = {}
    for start in range(0, users, size):
        stop = min(start + size, users)
        scores = score(start, stop)
        if scores.shape != (stop - start, n_items):
            raise InvalidInputError("scores", f"have shape {scores.shape}, expected {(stop - start, n_items)}")
        kept = without_seen(scores, seen.indptr[start : stop + 1], seen.rows)
        at = targets.indptr[start : stop + 1]
        ranks[at[0] : at[-1]] = target_ranks(kept, at, targets.rows, ties)
        if list_ks:
            lists = top(kept, max(list_ks), ties)
            for k in list_ks:
                rows = lists[:, :k]
                shown[k][rows[rows >= 0]] = True
                for name, found in _beyond(rows, k, known).items():
                    beyond.setdefault(name, []).append(found)
        if progress:
            progress(stop, users)
    values = accuracy(ranks, targets.indptr, ks) | {name: np.concatenate(parts) for name, parts in beyond.items()}
    overall = {f"coverage@{k}": float(seen_by.mean()) for k, seen_by in shown.items()}
    return UserMetrics(values, overall, users, np.minimum.reduceat(ranks, targets.indptr[:-1]))


def accuracy(ranks: Rows, indptr: npt.NDArray[np.int64], ks: Sequence[int]) -> dict[str, Values]:
    """recall, ndcg and hit at each k and mrr: float64[U] each. ``ranks`` int32[t] from 1, users by ``indptr``."""
    counts, starts = np.diff(indptr), indptr[:-1]
    gains = 1.0 / np.log2(ranks.astype(np.float64) + 1.0)
    first = np.minimum.reduceat(ranks, starts)
    found: dict[str, Values] = {}
    for k in ks:
        inside = ranks <= k
        hits = np.add.reduceat(inside.astype(np.float64), starts)
        best = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))])
        found[f"recall@{k}"] = hits / counts
        found[f"ndcg@{k}"] = np.add.reduceat(np.where(inside, gains, 0.0), starts) / best[np.minimum(counts, k)]
        found[f"hit_rate@{k}"] = (hits > 0).astype(np.float64)
    found["mrr"] = np.where(first == NEVER, 0.0, 1.0 / first)
    return found


def _beyond(lists: Rows, k: int, catalogue: Catalogue) -> dict[str, Values]:
    found: dict[str, Values] = {}
    there = lists >= 0
    if catalogue.popularity is not None:
        total = catalogue.popularity.sum() + len(catalogue.popularity)
        surprise = -np.log2((catalogue.popularity + 1.0) / total)
        number = there.sum(axis=1)
        summed = np.where(there, surprise[lists], 0.0).sum(axis=1)
        found[f"novelty@{k}"] = np.where(number > 0, summed / np.maximum(number, 1), np.nan)
    if catalogue.categories is not None and 1 < k <= PAIRS_LIMIT:
        found[f"diversity@{k}"] = diversity(lists, catalogue.categories)
    return found


def diversity(lists: Rows, categories: sparse.csr_matrix) -> Values:
    """float64[b]: mean of 1 − Jaccard(categories) over the pairs of each list int32[b, k] (-1: no item); NaN for a
    list of fewer than two. Items without a category share nothing with any other."""
    left, right = np.triu_indices(lists.shape[1], 1)
    summed, pairs = np.zeros(len(lists)), np.zeros(len(lists))
    sizes = np.asarray(categories.sum(axis=1)).ravel()
    for a, b in zip(left, right, strict=True):
        one, two = lists[:, a], lists[:, b]
        valid = (one >= 0) & (two >= 0)
        shared = np.asarray(categories[one].multiply(categories[two]).sum(axis=1)).ravel()
        either = sizes[one] + sizes[two] - shared
        summed += np.where(valid, 1.0 - shared / np.maximum(either, 1.0), 0.0)
        pairs += valid
    return np.where(pairs > 0, summed / np.maximum(pairs, 1), np.nan)
