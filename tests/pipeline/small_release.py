"""A small release in memory: enough items for every source to have something to say."""

from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.artifacts import AlsFactors, Artifacts, SequentialWeights
from pipeline.item_ids import ItemIds, Texts
from pipeline.items import Items
from pipeline.ports import Assigned
from pipeline.request import Request, UserRow
from pipeline.rules import BoundRules, Rules
from pipeline.served import ServedRelease
from pipeline.sources import default_sources
from pipeline.sparse import SparseRows

NOW = 1_700_000_000.0
DAY = 86_400.0


def items_of(n: int, seed: int = 0) -> Items:
    """``n`` items of three categories; the last has none, no birth and hardly any actions."""
    random = np.random.default_rng(seed)
    count = np.arange(n, 0, -1).astype(np.float32) * 10
    count[-1] = 1
    lengths = np.ones(n, np.int64)
    lengths[-1] = 0
    born = NOW - DAY * (1 + np.arange(n, dtype=np.float64))
    born[-1] = np.nan
    return Items(
        ids=ItemIds.of(f"i{k}" for k in range(n)),
        titles=Texts.of(f"Title {k}" if k % 2 == 0 else None for k in range(n)),
        categories=("comedy", "drama", "horror"),
        category_indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        category_indices=(np.arange(n - 1) % 3).astype(np.int32),
        year=(1990 + np.arange(n) % 30).astype(np.int32),
        created_at=np.full(n, np.nan),
        first_seen=born,
        count=count,
        count_7d=(count / 20).astype(np.float32),
        count_28d=(count / 5).astype(np.float32),
        popular=count,
        trending=random.random(n, np.float32),
    )


def sparse_of(n: int, a_row: int, seed: int) -> SparseRows:
    """Every item points at ``a_row`` others."""
    random = np.random.default_rng(seed)
    a_row = min(a_row, n - 1)
    indices = np.concatenate([np.sort(random.permutation(np.delete(np.arange(n), i))[:a_row]) for i in range(n)])
    data = random.random(n * a_row, np.float32) + np.float32(0.01)
    return SparseRows(np.arange(n + 1, dtype=np.int64) * a_row, indices.astype(np.int32), data)


def artifacts_of(n: int, seed: int = 0) -> Artifacts:
    """All parts of a release but the blend."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n, 8)).astype(np.float32)
    factors = random.normal(size=(n, 4)).astype(np.float32)
    return Artifacts(
        items=items_of(n, seed),
        vectors=vectors,
        sequential=SequentialWeights(sparse_of(n, 20, seed + 1), 3.0, 20),
        item_knn=sparse_of(n, 20, seed + 2),
        als=AlsFactors(factors, factors.T @ factors, 10.0, 0.05),
        transitions=sparse_of(n, 10, seed + 3),
    )


def release_of(artifacts: Artifacts, rules: Rules | None = None, **parts: Any) -> ServedRelease:
    """The release as it serves."""
    bound = BoundRules.bind(rules or Rules(), artifacts.items)
    served = ServedRelease("r000000000001", artifacts, default_sources(artifacts), bound)
    return replace(served, **parts)


class OneRow:
    """A store of one user row."""

    def __init__(self, row: UserRow, fault: BaseException | None = None) -> None:
        self.row, self.fault = row, fault

    def fetch(self, user_id: str, now: float, timeout: float) -> UserRow:  # noqa: ARG002
        if self.fault:
            raise self.fault
        return self.row


class OneArm:
    """Everybody gets one release."""

    def __init__(self, served: ServedRelease, fault: BaseException | None = None) -> None:
        self.served, self.fault = served, fault

    def assign(self, request: Request, row: UserRow) -> Assigned:  # noqa: ARG002
        if self.fault:
            raise self.fault
        return Assigned(self.served, "e1", "variant")

    def champion(self) -> Assigned:
        return Assigned(self.served)


def row_of(*items: str, vector: bool = True) -> UserRow:
    """A user who clicked ``items`` a minute apart, the last ten seconds ago."""
    times = [NOW - 10 - 60 * k for k in range(len(items))][::-1]
    vectors = {"r000000000001": np.ones(8, np.float32)} if vector else {}
    seen = {2: dict(zip(items, times, strict=True))}
    return UserRow("u", items, [2] * len(items), times, seen, vectors, {}, 10.0, "fresh")
