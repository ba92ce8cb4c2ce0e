"""The features that rank: one function for training and serving, so that both see the same numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.artifacts import Artifacts
from pipeline.candidates import UNRANKED, Candidates
from pipeline.items import Items
from pipeline.ranking_columns import RANKING_FEATURES, SCORED_SOURCES
from pipeline.sources.als import fold_in
from pipeline.sources.item_knn import item_knn_scores
from pipeline.sources.new_items import FEW_ACTIONS
from pipeline.sources.sequential import sequential_scores
from pipeline.sparse import SparseRows, lookup
from pipeline.user import History, UserContext

__all__ = ["RANKING_FEATURES", "SHORT", "ranking_features"]

SHORT = 5
"""Actions that make up a user's short-term interest."""
SESSION_GAP_SECONDS = 1800.0
DAY_SECONDS = 86400.0

_Column = npt.NDArray[np.float32]
_Rows = npt.NDArray[np.int32]
_Value = npt.NDArray[np.float32] | npt.NDArray[np.bool_] | npt.NDArray[np.floating[Any]] | float


def ranking_features(user: UserContext, candidates: Candidates, artifacts: Artifacts) -> npt.NDArray[np.float32]:
    """float32[n, K], finite, columns RANKING_FEATURES. A row depends on its user, its item and, for ranks and
    margins, on the other candidates. Time grows with n + history; some 1 ms for 1000 candidates."""
    rows = candidates.rows
    if not len(rows):
        return np.empty((0, len(RANKING_FEATURES)), np.float32)
    columns: dict[str, _Value] = {}
    for source in SCORED_SOURCES:
        score = _source_scores(source, user, rows, artifacts)
        columns[f"{source}_score"] = score
        columns[f"{source}_rank"] = np.log1p(_ranks(score))
        columns[f"{source}_margin"] = score.max() - score
    named = candidates.ranks != UNRANKED
    columns["sources"] = named.sum(axis=1)
    columns["best_rank"] = np.log1p(candidates.ranks.min(axis=1, initial=UNRANKED))
    columns |= _transition_columns(user.history, rows, artifacts)
    columns |= _popularity_columns(rows, artifacts.items)
    columns |= _category_columns(user.history, rows, artifacts.items)
    columns |= _year_columns(user.history, rows, artifacts.items)
    columns |= _time_columns(user, rows, artifacts.items)
    table = np.empty((len(rows), len(RANKING_FEATURES)), np.float32)
    for at, name in enumerate(RANKING_FEATURES):
        table[:, at] = columns[name]
    return np.nan_to_num(table, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _source_scores(source: str, user: UserContext, rows: _Rows, artifacts: Artifacts) -> _Column:
    if source == "two_tower" and artifacts.vectors is not None and user.vector is not None:
        return artifacts.vectors_of(rows) @ user.vector
    if len(user.history):
        if source == "sequential" and artifacts.sequential is not None:
            return lookup(*sequential_scores(user.history, artifacts.sequential), rows)
        if source == "item_knn" and artifacts.item_knn is not None:
            return lookup(*item_knn_scores(user.history, artifacts.item_knn), rows)
        if source == "als" and artifacts.als is not None:
            known = rows < len(artifacts.als.items)
            factors = artifacts.als.items[np.where(known, rows, 0)]
            return np.where(known, factors @ fold_in(user.history, artifacts.als), np.float32(0))
    return np.zeros(len(rows), np.float32)


def _ranks(score: _Column) -> npt.NDArray[np.intp]:
    """How many candidates score strictly higher."""
    order = np.argsort(-score)
    falling = score[order]
    first = np.concatenate(([True], falling[1:] != falling[:-1]))
    ranks = np.empty(len(score), np.intp)
    ranks[order] = np.maximum.accumulate(np.where(first, np.arange(len(score)), 0))
    return ranks


def _row_of(matrix: SparseRows | None, source: int, rows: _Rows) -> _Column:
    if matrix is None:
        return np.zeros(len(rows), np.float32)
    one = np.array([source], np.int32)
    return lookup(*matrix.weighted_sum(one, np.ones(1, np.float32)), rows)


def _transition_columns(history: History, rows: _Rows, artifacts: Artifacts) -> dict[str, _Value]:
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


def _popularity_columns(rows: _Rows, items: Items) -> dict[str, _Value]:
    ever, recent = items.count[rows], items.count_28d[rows]
    total, total_recent = items.totals
    return {
        "popularity": np.log1p(ever),
        "popularity_28d": np.log1p(recent),
        "popularity_7d": np.log1p(items.count_7d[rows]),
        "trending": np.log1p(np.maximum(items.trending[rows], 0)),
        "popularity_change": np.log((recent + 1) / (total_recent + 1)) - np.log((ever + 1) / (total + 1)),
    }


def _category_columns(history: History, rows: _Rows, items: Items) -> dict[str, _Value]:
    long = history.rows
    short = history.last(SHORT).rows if history.ordered else long
    last = history.last(1).rows if history.ordered else long[:0]
    of_candidate = items.category_lists.entries(rows)
    return {
        "category_long": _category_cosine(long, of_candidate, len(rows), items),
        "category_short": _category_cosine(short, of_candidate, len(rows), items),
        "category_last": _category_cosine(last, of_candidate, len(rows), items),
    }


def _category_cosine(
    seen: _Rows, of_candidate: tuple[npt.NDArray[np.intp], npt.NDArray[np.int32], _Column], n: int, items: Items
) -> _Column:
    _, categories, _ = items.category_lists.entries(seen)
    taste = np.bincount(categories, minlength=len(items.categories)).astype(np.float32)
    length = np.linalg.norm(taste)
    owner, candidate_categories, _ = of_candidate
    if length == 0 or not len(owner):
        return np.zeros(n, np.float32)
    common = np.bincount(owner, weights=taste[candidate_categories], minlength=n)
    sizes = np.bincount(owner, minlength=n)
    cosine: _Column = (common / (length * np.sqrt(np.maximum(sizes, 1)))).astype(np.float32)
    return cosine


def _year_columns(history: History, rows: _Rows, items: Items) -> dict[str, _Value]:
    year = items.year[rows].astype(np.float32)
    known = year > 0
    seen = items.year[history.last(SHORT).rows if history.ordered else history.rows]
    columns: dict[str, _Value] = {
        "year": np.where(known, (year - 2000) / 10, 0),
        "year_known": known,
        "year_distance_short": 0.0,
        "year_distance_last": 0.0,
    }
    if (seen > 0).any():
        short = seen[seen > 0].mean()
        columns["year_distance_short"] = np.where(known, np.abs(year - short) / 10, 0)
        if history.ordered and seen[-1] > 0:
            columns["year_distance_last"] = np.where(known, np.abs(year - seen[-1]) / 10, 0)
    return columns


def _time_columns(user: UserContext, rows: _Rows, items: Items) -> dict[str, _Value]:
    times = user.history.times if user.history.ordered else user.history.times[:0]
    gap, session = 0.0, 0
    if len(times):
        gap = max(user.now - float(times[-1]), 0.0)
        breaks = np.flatnonzero(np.diff(times) > SESSION_GAP_SECONDS)
        session = len(times) - (int(breaks[-1]) + 1 if len(breaks) else 0) if gap <= SESSION_GAP_SECONDS else 0
    days = np.maximum(user.now - items.born[rows], 0) / DAY_SECONDS
    return {
        "history_length": float(np.log1p(len(user.history))),
        "session_length": float(np.log1p(session)),
        "gap": float(np.log1p(gap)),
        "item_age": np.log1p(np.where(np.isnan(days), 0, days)),
        "item_is_new": items.count[rows] <= FEW_ACTIONS,
    }
