"""What business rules cost or gain: the ranked lists of past requests, mixed by one set of rules and by another."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.artifacts import Artifacts
from pipeline.rules import BoundRules, Rules, select
from pipeline.rules.selection import category_similarity
from pipeline.sources.new_items import FEW_ACTIONS
from pipeline.user import History
from training.evaluation.bootstrap import Interval, intervals

AT_ONCE = 256
_Rows = npt.NDArray[np.int32]


class Ordering(Protocol):
    """Whatever ranks all items for users (Ranked, Released)."""

    @property
    def artifacts(self) -> Artifacts: ...

    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """float32[b, n], −inf where not proposed."""
        ...


def try_rules(
    ranked: Ordering,
    histories: Sequence[History],
    now: npt.NDArray[np.float64],
    targets: _Rows,
    rules: Mapping[str, Rules],
    *,
    count: int = 10,
) -> dict[str, dict[str, Interval | float]]:
    """For each named set of rules: ``ndcg``, ``new_share`` and ``diversity`` (1 − mean category cosine of an answer's
    pairs) over users with 95 % intervals, and ``coverage`` of the catalogue. A set after the first also has the paired
    differences from the first, ``ndcg_change`` and so on. ``targets`` int32[U] is what each user did next."""
    items = ranked.artifacts.items
    bound = {name: BoundRules.bind(rule, items) for name, rule in rules.items()}
    values = {
        f"{name} {m}": np.full(len(histories), np.nan) for name in rules for m in ("ndcg", "new_share", "diversity")
    }
    shown = {name: np.zeros(len(items), np.bool_) for name in rules}
    nobody = np.empty(0, np.int32)
    for start in range(0, len(histories), AT_ONCE):
        scores = ranked.scores(histories[start : start + AT_ONCE], now[start : start + AT_ONCE])
        for u, row in enumerate(scores, start):
            for name, rule in bound.items():
                left = row.copy()
                left[rule.seen({}, histories[u], float(now[u]))] = -np.inf
                order = np.argsort(-left, kind="stable")[: np.isfinite(left).sum()].astype(np.int32)
                answer = select(order, left[order], rule, count, float(now[u]), nobody).rows
                shown[name][answer] = True
                place = np.flatnonzero(answer == targets[u])
                values[f"{name} ndcg"][u] = 1 / np.log2(place[0] + 2) if len(place) else 0.0
                if len(answer):
                    values[f"{name} new_share"][u] = rule.is_new(answer, float(now[u]), FEW_ACTIONS).mean()
                if len(answer) > 1:
                    pairs = category_similarity(answer, items)[np.triu_indices(len(answer), 1)]
                    values[f"{name} diversity"][u] = 1 - pairs.mean()
    first, *others = rules
    for name in others:
        for metric in ("ndcg", "new_share", "diversity"):
            values[f"{name} {metric}_change"] = values[f"{name} {metric}"] - values[f"{first} {metric}"]
    found = intervals(values)
    result: dict[str, dict[str, Interval | float]] = {}
    for name in rules:
        result[name] = {key.removeprefix(f"{name} "): i for key, i in found.items() if key.startswith(f"{name} ")}
        result[name]["coverage"] = float(shown[name].mean())
    return result
