"""Why an item is in the answer, in words that a person understands."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from contracts.events import ACTION_CODES, Action
from pipeline.artifacts import Artifacts
from pipeline.sparse import SparseRows
from pipeline.user import History, UserContext

RECENT = 20
"""Last actions that may be given as a reason."""
PERSONAL = ("two_tower", "sequential", "item_knn", "als")
ALIKE = 0.3
"""Least cosine of two item vectors to say that one item is there because of the other."""

_PAST = {
    ACTION_CODES[Action.VIEW]: "viewed",
    ACTION_CODES[Action.CLICK]: "clicked",
    ACTION_CODES[Action.PURCHASE]: "bought",
}

_Rows = npt.NDArray[np.int32]


def reasons(
    rows: _Rows, named: Sequence[tuple[str, ...]], user: UserContext, artifacts: Artifacts
) -> list[tuple[str, ...]]:
    """One or more reasons for each of ``rows`` int32[r]; ``named`` are the sources that named it, none for a pin."""
    recent = user.history.last(RECENT)
    causes = _causes(recent, rows, artifacts).tolist()
    return [
        _tell(row, by, cause, recent, artifacts) or ("picked for everyone",)
        for row, by, cause in zip(rows.tolist(), named, causes, strict=True)
    ]


def _tell(row: int, named: tuple[str, ...], cause: int, recent: History, artifacts: Artifacts) -> tuple[str, ...]:
    items = artifacts.items
    said = []
    personal = any(source in PERSONAL for source in named)
    if personal and cause >= 0:
        title = items.title(int(recent.rows[cause]))
        said.append(f"because of {title}, which you {_PAST.get(int(recent.actions[cause]), 'chose')}")
    if "trending" in named:
        category = items.categories_of(row)[:1]
        said.append(f"trending in {category[0]}" if category else "trending")
    if "new" in named:
        said.append("new")
    if "popular" in named or "category" in named:
        said.append("popular now")
    if personal and not said:
        said.append("matches your taste")
    return tuple(said)


def _causes(recent: History, rows: _Rows, artifacts: Artifacts) -> npt.NDArray[np.intp]:
    """For each of ``rows``, the position in ``recent`` of the action that speaks most for it; −1 for none."""
    if not len(recent) or not len(rows):
        return np.full(len(rows), -1, np.intp)
    weight = np.zeros((len(recent), len(rows)), np.float32)
    if artifacts.sequential is not None:
        fade = np.exp2(-np.arange(len(recent) - 1, -1, -1) / artifacts.sequential.half_life)
        weight = _weights(artifacts.sequential.weights, recent, rows) * (fade[:, None] if recent.ordered else 1)
    silent = weight.max(axis=0) <= 0
    if artifacts.item_knn is not None and silent.any():
        weight[:, silent] = _weights(artifacts.item_knn, recent, rows[silent])
        silent = weight.max(axis=0) <= 0
    if artifacts.vectors is not None and silent.any():
        cosine = _unit(artifacts.vectors_of(recent.rows)) @ _unit(artifacts.vectors_of(rows[silent])).T
        weight[:, silent] = np.where(cosine >= ALIKE, cosine, 0)
    weight[recent.rows[:, None] == rows[None, :]] = 0
    return np.where(weight.max(axis=0) > 0, weight.argmax(axis=0), -1)


def _weights(matrix: SparseRows, recent: History, rows: _Rows) -> npt.NDArray[np.float32]:
    owner, column, value = matrix.entries(recent.rows)
    order = np.argsort(rows)
    at = np.minimum(np.searchsorted(rows, column, sorter=order), len(rows) - 1)
    hit = rows[order[at]] == column
    table = np.zeros((len(recent), len(rows)), np.float32)
    table[owner[hit], order[at[hit]]] = value[hit]
    return table


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    unit: npt.NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit
