"""Candidates: item rows with the score and rank that each source gave them, column by column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.rows import among, union
from pipeline.user import UserContext

UNRANKED = np.int32(1_000_000)
"""The rank of an item in a source that did not name it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one source proposes: ``rows`` int32[n] without repetition, best first, and ``scores`` float32[n]."""

    rows: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]


class Source(Protocol):
    """One way to find items for a user. Pure: the same user gives the same proposal."""

    @property
    def name(self) -> str: ...

    def propose(self, user: UserContext, count: int) -> Proposal:
        """Up to ``count`` items; may hold seen ones, the merge removes them. Empty when it has nothing to say."""
        ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """``n`` items of ``S`` sources: ``rows`` int32[n], ``scores`` float32[n, S] (NaN where a source did not name the
    item), ``ranks`` int32[n, S] (0 is best, UNRANKED where not named). ``sources`` are the names of the columns."""

    sources: tuple[str, ...]
    rows: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    ranks: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Candidates":
        """The candidates at ``index`` (positions or a mask), in that order."""
        return Candidates(self.sources, self.rows[index], self.scores[index], self.ranks[index])

    def named_by(self, position: int) -> tuple[str, ...]:
        """The sources that named the candidate at ``position``, best rank first."""
        ranked = sorted(zip(self.ranks[position].tolist(), range(len(self.sources)), strict=True))
        return tuple(self.sources[at] for rank, at in ranked if rank != UNRANKED)


def merge(
    proposals: Mapping[str, Proposal],
    sources: Sequence[str],
    exclude: npt.NDArray[np.int32],
    count: int,
) -> Candidates:
    """Blends proposals into at most ``count`` candidates: the best rank that any source gave decides, then the
    number of sources that named the item, then the order of ``sources``. Items in ``exclude`` (unsorted, int32[e])
    never appear. A source without a proposal keeps its columns, unranked."""
    rows = union([proposals[source].rows for source in sources if source in proposals])
    rows = rows[~among(rows, np.sort(exclude))]
    scores = np.full((len(sources), len(rows)), np.nan, np.float32)
    ranks = np.full((len(sources), len(rows)), UNRANKED, np.int32)
    for column, source in enumerate(sources):
        if source not in proposals or not len(rows):
            continue
        proposal = proposals[source]
        at = np.minimum(np.searchsorted(rows, proposal.rows), len(rows) - 1)
        kept = rows[at] == proposal.rows
        at = at[kept]
        scores[column, at] = proposal.scores[kept]
        ranks[column, at] = np.arange(len(at), dtype=np.int32)
    order = _merge_order(ranks)[:count]
    return Candidates(tuple(sources), rows[order], scores.T[order], ranks.T[order])


def _merge_order(ranks: npt.NDArray[np.int32]) -> npt.NDArray[np.intp]:
    """Positions by (best rank, fewer silent sources, first source with the best rank), for ``ranks`` int32[S, n]."""
    silent = (ranks == UNRANKED).sum(axis=0)
    first = ranks.argmin(axis=0) if len(ranks) else silent
    best = ranks.min(axis=0, initial=UNRANKED).astype(np.int64)
    return np.argsort((best * (len(ranks) + 1) + silent) * (len(ranks) + 1) + first, kind="stable")
