"""The features that rank: one function for training and serving, so that both see the same numbers."""

import numpy as np
import numpy.typing as npt

from pipeline.artifacts import Artifacts
from pipeline.candidates import UNRANKED, Candidates
from pipeline.items import Items
from pipeline.ranking_columns import RANKING_FEATURES, SCORED_SOURCES
from pipeline.sources.als import fold_in
from pipeline.sources.item_knn import recent
from pipeline.sources.new_items import FEW_ACTIONS
from pipeline.sources.sequential import faded
from pipeline.sparse import SparseRows
from pipeline.user import History, UserContext

__all__ = ["RANKING_FEATURES", "SHORT", "ranking_features"]

SHORT = 5
"""Actions that make up a user's short-term interest."""
SESSION_GAP_SECONDS = 1800.0
DAY_SECONDS = 86400.0

_Column = npt.NDArray[np.float32]
_Rows = npt.NDArray[np.int32]
_Columns = dict[str, _Column | float]

_COUNTS = ("best_rank", "popularity", "popularity_28d", "popularity_7d", "trending", "history_length", "session_length")
_LOGARITHMS = np.array(
    [
        RANKING_FEATURES.index(name)
        for name in (*_COUNTS, "gap", "item_age", *(f"{source}_rank" for source in SCORED_SOURCES))
    ]
)
"""Columns that are ln(1 + x) of what is counted: taken together, once."""


def ranking_features(user: UserContext, candidates: Candidates, artifacts: Artifacts) -> npt.NDArray[np.float32]:
    """float32[n, K], finite, columns RANKING_FEATURES. A row depends on its user, its item and, for ranks and
    margins, on the other candidates. Time grows with n + history; some 1 ms for 1000 candidates."""
    rows = candidates.rows
    if not len(rows):
        return np.empty((0, len(RANKING_FEATURES)), np.float32)
    columns = _source_columns(user, rows, artifacts)
    ranks = np.ascontiguousarray(candidates.ranks.T)
    columns["sources"] = (ranks != UNRANKED).sum(axis=0, dtype=np.float32)
    columns["best_rank"] = ranks.min(axis=0, initial=UNRANKED).astype(np.float32)
    columns |= _transition_columns(user.history, rows, artifacts)
    columns |= _popularity_columns(rows, artifacts.items)
    columns |= _category_columns(user.history, rows, artifacts.items)
    columns |= _year_columns(user.history, rows, artifacts.items)
    columns |= _time_columns(user, rows, artifacts.items)
    table = np.empty((len(RANKING_FEATURES), len(rows)), np.float32)
    for at, name in enumerate(RANKING_FEATURES):
        table[at] = columns[name]
    table[_LOGARITHMS] = np.log(table[_LOGARITHMS] + 1)  # log1p of float32 is not vectorised
    if not np.isfinite(table).all():
        np.nan_to_num(table, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return np.ascontiguousarray(table.T)


def _source_columns(user: UserContext, rows: _Rows, artifacts: Artifacts) -> _Columns:
    scores = np.zeros((len(SCORED_SOURCES), len(rows)), np.float32)
    for at, source in enumerate(SCORED_SOURCES):
        score = _source_scores(source, user, rows, artifacts)
        if score is not None:
            scores[at] = score
    ranks, margins = _ranks(scores), scores.max(axis=1, keepdims=True) - scores
    columns: _Columns = {}
    for at, source in enumerate(SCORED_SOURCES):
        columns |= {f"{source}_score": scores[at], f"{source}_rank": ranks[at], f"{source}_margin": margins[at]}
    return columns


def _source_scores(source: str, user: UserContext, rows: _Rows, artifacts: Artifacts) -> _Column | None:
    """The source's score of every row; None where it has nothing to say."""
    if source == "two_tower" and artifacts.vectors is not None and user.vector is not None:
        return artifacts.vectors_of(rows) @ user.vector
    if len(user.history):
        if source == "sequential" and artifacts.sequential is not None:
            return artifacts.sequential.weights.sums_at(*faded(user.history, artifacts.sequential), rows)
        if source == "item_knn" and artifacts.item_knn is not None:
            return artifacts.item_knn.sums_at(*recent(user.history), rows)
        if source == "als" and artifacts.als is not None:
            known = rows < len(artifacts.als.items)
            factors = artifacts.als.items[np.where(known, rows, 0)]
            return np.where(known, factors @ fold_in(user.history, artifacts.als), np.float32(0))
    return None


def _ranks(scores: _Column) -> _Column:
    """How many candidates score strictly higher, for each row of ``scores`` float32[S, n]."""
    order = np.argsort(-scores, axis=1)
    falling = np.take_along_axis(scores, order, axis=1)
    place = np.broadcast_to(np.arange(scores.shape[1], dtype=np.float32), scores.shape).copy()
    place[:, 1:][falling[:, 1:] == falling[:, :-1]] = 0
    ranks = np.empty_like(scores)
    np.put_along_axis(ranks, order, np.maximum.accumulate(place, axis=1), axis=1)
    return ranks


def _row_of(matrix: SparseRows | None, source: int, rows: _Rows) -> _Column | float:
    if matrix is None:
        return 0.0
    return matrix.sums_at(np.array([source], np.int32), np.ones(1, np.float32), rows)


def _transition_columns(history: History, rows: _Rows, artifacts: Artifacts) -> _Columns:
    names = ("transition", "transition_before", "sequential_last", "item_knn_last")
    if not history.ordered or not len(history):
        return dict.fromkeys(names, 0.0)
    last = int(history.rows[-1])
    before = int(history.rows[-2]) if len(history) > 1 else last
    sequential = artifacts.sequential.weights if artifacts.sequential else None
    return {
        "transition": _row_of(artifacts.transitions, last, rows),
        "transition_before": _row_of(artifacts.transitions, before, rows),
        "sequential_last": _row_of(sequential, last, rows),
        "item_knn_last": _row_of(artifacts.item_knn, last, rows),
    }


def _popularity_columns(rows: _Rows, items: Items) -> _Columns:
    ever, recently = items.count[rows], items.count_28d[rows]
    total, total_recent = items.totals
    change = np.log((recently + 1) / (ever + 1)) - np.float32(np.log((total_recent + 1) / (total + 1)))
    return {
        "popularity": ever,
        "popularity_28d": recently,
        "popularity_7d": items.count_7d[rows],
        "trending": np.maximum(items.trending[rows], 0),
        "popularity_change": change,
        "item_is_new": (ever <= FEW_ACTIONS).astype(np.float32),
    }


def _category_columns(history: History, rows: _Rows, items: Items) -> _Columns:
    """The cosines of the candidates' categories with those of all, the last few and the last action."""
    n, names = len(history), len(items.categories)
    seen, categories, _ = items.category_lists.entries(history.rows)
    owner, of_candidate, _ = items.category_lists.entries(rows)
    sizes = np.sqrt(np.maximum(np.bincount(owner, minlength=len(rows)), 1))
    begins = {"long": 0, "short": n - SHORT if history.ordered else 0, "last": n - 1 if history.ordered else n}
    columns: _Columns = {}
    for name, begin in begins.items():
        taste = np.bincount(categories[seen >= begin], minlength=names).astype(np.float32)
        length = float(np.linalg.norm(taste))
        common = np.bincount(owner, taste[of_candidate], len(rows)) if length else np.zeros(len(rows))
        columns[f"category_{name}"] = (common / (sizes * (length or 1.0))).astype(np.float32)
    return columns


def _year_columns(history: History, rows: _Rows, items: Items) -> _Columns:
    year = items.year[rows].astype(np.float32)
    known = year > 0
    seen = items.year[history.last(SHORT).rows if history.ordered else history.rows]
    columns: _Columns = {
        "year": np.where(known, (year - 2000) / 10, np.float32(0)),
        "year_known": known.astype(np.float32),
        "year_distance_short": 0.0,
        "year_distance_last": 0.0,
    }
    if (seen > 0).any():
        short = np.float32(seen[seen > 0].mean())
        columns["year_distance_short"] = np.where(known, np.abs(year - short) / 10, np.float32(0))
        if history.ordered and seen[-1] > 0:
            columns["year_distance_last"] = np.where(known, np.abs(year - np.float32(seen[-1])) / 10, np.float32(0))
    return columns


def _time_columns(user: UserContext, rows: _Rows, items: Items) -> _Columns:
    times = user.history.times if user.history.ordered else user.history.times[:0]
    gap, session = 0.0, 0
    if len(times):
        gap = max(user.now - float(times[-1]), 0.0)
        breaks = np.flatnonzero(np.diff(times) > SESSION_GAP_SECONDS)
        session = len(times) - (int(breaks[-1]) + 1 if len(breaks) else 0) if gap <= SESSION_GAP_SECONDS else 0
    days = (np.maximum(user.now - items.born[rows], 0) / DAY_SECONDS).astype(np.float32)
    return {
        "history_length": float(len(user.history)),
        "session_length": float(session),
        "gap": gap,
        "item_age": np.where(np.isnan(days), np.float32(0), days),
    }
