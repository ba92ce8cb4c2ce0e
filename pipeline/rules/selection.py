"""From the ranked list to the answer's items: pins, a share for new items, the category cap, and diversity."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.items import Items
from pipeline.request import Removed
from pipeline.rows import among, union
from pipeline.rules.bound import DAY_SECONDS, BoundRules
from pipeline.sources.new_items import FEW_ACTIONS

_Rows = npt.NDArray[np.int32]
_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Selection:
    """``rows`` int32[≤ count] in the order of the answer, ``pinned`` those that a pin put there, what was removed."""

    rows: _Rows
    pinned: frozenset[int]
    removed: tuple[Removed, ...]


def select(rows: _Rows, scores: _Floats, rules: BoundRules, count: int, now: float, barred: _Rows) -> Selection:
    """Picks up to ``count`` of ``rows`` int32[n] (no repetition, best first, ``scores`` float32[n] falling).

    Position by position: the pin, or else the item with the highest marginal relevance that keeps to the category cap
    and leaves room for the new items still owed. Where no item keeps to the cap it gives way: an answer is never
    shorter than it could be. Pins named in ``barred`` int32 (what the request excludes) are left out.
    """
    forbidden = rules.forbid(rows, now)
    pins = {at: row for at, row in rules.pins(count, now).items() if row not in barred}
    taken = union([np.array(list(pins.values()), np.int32), *(group.rows for group in forbidden)])
    if len(taken):
        kept = ~among(rows, taken)
        rows, scores = rows[kept], scores[kept]
    pool = _pool(rows, rules, count, now)
    chosen, capped = _fill(rows[pool], scores[pool], rules, count, now, pins)
    answer = np.array(chosen, np.int32)
    removed = [*forbidden]
    if capped:
        passed_over = np.array(sorted(capped), np.int32)
        removed.append(Removed(passed_over[~among(passed_over, np.sort(answer))], "category cap"))
    gone = union([answer, *(group.rows for group in removed)])
    removed.append(Removed(rows[:count][~among(rows[:count], gone)], "diversity or freshness"))
    return Selection(answer, frozenset(pins.values()) & frozenset(chosen), tuple(r for r in removed if len(r.rows)))


def _pool(rows: _Rows, rules: BoundRules, count: int, now: float) -> npt.NDArray[np.intp]:
    """Positions of the best items, and of as many of the best new ones as may be owed."""
    size = max(rules.rules.diversity.pool, 2 * count)
    pool = np.arange(min(size, len(rows)))
    if rules.rules.freshness.new_share > 0:
        new = np.flatnonzero(rules.is_new(rows, now, FEW_ACTIONS))[:count]
        pool = np.union1d(pool, new)
    return pool


def _relevance(rows: _Rows, scores: _Floats, rules: BoundRules, now: float) -> _Floats:
    """Scores moved to 0 … 1 within the pool, times the decay by age."""
    spread = scores.max() - scores.min()
    relevance = (scores - scores.min()) / spread if spread > 0 else np.ones(len(scores), np.float32)
    freshness = rules.rules.freshness
    if freshness.half_life_days is not None:
        age = np.nan_to_num(np.maximum(now - rules.items.born[rows], 0) / DAY_SECONDS, nan=0.0)
        relevance = relevance * (1 - freshness.weight + freshness.weight * np.exp2(-age / freshness.half_life_days))
    return relevance.astype(np.float32)


def category_similarity(rows: _Rows, items: Items) -> _Floats:
    """float32[n, n]: cosine between the categories of every two items; items without any are unlike all."""
    owner, category, _ = items.category_lists.entries(rows)
    names, column = np.unique(category, return_inverse=True)
    table = np.zeros((len(rows), len(names)), np.float32)
    table[owner, column] = 1
    table /= np.sqrt(np.maximum(table.sum(axis=1, keepdims=True), 1))
    similarity: _Floats = table @ table.T
    return similarity


def _fill(
    rows: _Rows, scores: _Floats, rules: BoundRules, count: int, now: float, pins: dict[int, int]
) -> tuple[list[int], set[int]]:
    items, diversity = rules.items, rules.rules.diversity
    everything = np.concatenate([rows, np.array(list(pins.values()), np.int32)])
    index = {int(row): at for at, row in enumerate(everything)}
    category = items.main_category[everything]
    new = rules.is_new(everything, now, FEW_ACTIONS)
    similarity = category_similarity(everything, items) if diversity.mmr < 1 else None
    relevance = _relevance(rows, scores, rules, now) if len(rows) else np.empty(0, np.float32)
    free = np.ones(len(rows), np.bool_)
    likeness = np.zeros(len(everything), np.float32)
    owed = int(rules.rules.freshness.new_share * count) - sum(bool(new[index[row]]) for row in pins.values())
    slots = count - len(pins)
    chosen: list[int] = []
    capped: set[int] = set()
    for position in range(count):
        if position in pins:
            at = index[pins[position]]
        elif free.any():
            marginal = diversity.mmr * relevance - (1 - diversity.mmr) * likeness[: len(rows)]
            allowed = free & new[: len(rows)] if owed >= slots and (free & new[: len(rows)]).any() else free
            full = _full_categories(position, chosen, pins, category, index, rules)
            within = allowed & ~np.isin(category[: len(rows)], full) if full else allowed
            keeps = within.any()
            at = int(np.argmax(np.where(within if keeps else allowed, marginal, -np.inf)))
            if full and keeps:
                capped |= set(rows[allowed & ~within & (marginal > marginal[at])].tolist())
            free[at] = False
            owed -= int(new[at])
            slots -= 1
        else:
            continue
        chosen.append(int(everything[at]))
        if similarity is not None:
            likeness = np.maximum(likeness, similarity[at])
    return chosen, capped


def _full_categories(
    position: int,
    chosen: list[int],
    pins: dict[int, int],
    category: _Rows,
    index: dict[int, int],
    rules: BoundRules,
) -> list[int]:
    """Categories that already have their cap among the neighbours of ``position``; having none is no category."""
    cap = rules.rules.diversity.category
    if cap is None:
        return []
    behind = chosen[-(cap.window - 1) :]
    ahead = [row for at, row in pins.items() if position < at < position + cap.window]
    near = [int(category[index[row]]) for row in (*behind, *ahead)]
    return [c for c in set(near) if c >= 0 and near.count(c) >= cap.cap]
