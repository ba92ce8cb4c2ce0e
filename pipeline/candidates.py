"""Candidates: item rows with the score and rank that each source gave them, column by column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

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
        order = np.argsort(self.ranks[position], kind="stable")
        return tuple(self.sources[s] for s in order if self.ranks[position, s] != UNRANKED)


def merge(
    proposals: Mapping[str, Proposal],
    sources: Sequence[str],
    exclude: npt.NDArray[np.int32],
    count: int,
) -> Candidates:
    """Blends proposals into at most ``count`` candidates: the best rank that any source gave decides, then the
    number of sources that named the item, then the order of ``sources``. Items in ``exclude`` (unsorted, int32[e])
    never appear. A source without a proposal keeps its columns, unranked."""
    named = [proposals[s].rows if s in proposals else np.empty(0, np.int32) for s in sources]
    everything = np.concatenate(named) if named else np.empty(0, np.int32)
    rows = np.setdiff1d(everything, exclude)
    scores = np.full((len(rows), len(sources)), np.nan, np.float32)
    ranks = np.full((len(rows), len(sources)), UNRANKED, np.int32)
    for column, source in enumerate(sources):
        if source not in proposals or not len(rows):
            continue
        proposal = proposals[source]
        at = np.searchsorted(rows, proposal.rows)
        at[at == len(rows)] = 0
        kept = rows[at] == proposal.rows
        scores[at[kept], column] = proposal.scores[kept]
        ranks[at[kept], column] = np.arange(kept.sum(), dtype=np.int32)
    best = ranks.min(axis=1, initial=UNRANKED)
    breadth = (ranks != UNRANKED).sum(axis=1)
    first = ranks.argmin(axis=1) if len(sources) else np.zeros(len(rows), np.intp)
    order = np.lexsort((first, -breadth, best))[:count]
    return Candidates(tuple(sources), rows[order], scores[order], ranks[order])
