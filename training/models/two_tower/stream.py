"""Users' actions packed into one stream and cut into windows: no batch holds padding, every position trains."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.datasets.sequences import Sequences

GAP_BUCKETS = 32
"""Gap 0 is unknown, 1 is none, ``k >= 2`` is from 2**(k-2) seconds on."""


@dataclass(frozen=True)
class Batch:
    """B windows of a stream. ``items`` int32[B, T] are item rows + 1, 0 where a user starts (a place that nothing may
    look at, from which the first action is foretold); ``actions`` int32, ``gaps`` int32 (bucket of the time to the
    same user's next action), ``users`` int32 (equal within a user, -1 past the end), ``features`` float32[B, T, F]
    as known before the action; all [B, T]."""

    items: npt.NDArray[np.int32]
    actions: npt.NDArray[np.int32]
    gaps: npt.NDArray[np.int32]
    users: npt.NDArray[np.int32]
    features: npt.NDArray[np.float32]


def gap_buckets(sequences: Sequences) -> npt.NDArray[np.int32]:
    """Bucket of the time from each action to the same user's next one, int32[N]; unknown for the last."""
    if not sequences.ordered or not len(sequences):
        return np.zeros(len(sequences), np.int32)
    gap = np.diff(sequences.times, append=sequences.times[-1:])
    bucket = np.where(gap > 0, 2 + np.floor(np.log2(np.maximum(gap, 1.0))), 1)
    bucket[sequences.indptr[1:][sequences.lengths > 0] - 1] = 0
    return np.minimum(bucket, GAP_BUCKETS - 1).astype(np.int32)


class Stream:
    """Endless passes over all users in fresh random order. ``seed`` fixes the order."""

    def __init__(
        self, sequences: Sequences, features: npt.NDArray[np.float32], *, window: int, batch: int, seed: int
    ) -> None:
        self._sequences = sequences
        self._features = features
        self._gaps = gap_buckets(sequences)
        self._window = window
        self._random = np.random.default_rng(seed)
        starts = sequences.users if sequences.ordered else 0
        self.positions = len(sequences) + starts
        self.windows = max(-(-self.positions // window), 1)
        self.batch = min(batch, self.windows)

    def batches(self) -> Iterator[Batch]:
        """Full batches without end; windows left over at a pass's end wrap to its start."""
        while True:
            source, user = self._pass()
            windows = self._random.permutation(self.windows)
            windows = np.resize(windows, -(-self.windows // self.batch) * self.batch).reshape(-1, self.batch)
            extra = 1 if self._sequences.ordered else 0
            for chosen in windows:
                yield self._cut(source, user, chosen[:, None] * self._window + np.arange(self._window + extra))

    def _pass(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Index of the action at each place (-1 where a user starts or the stream is over) and its user."""
        sequences = self._sequences
        order = self._random.permutation(sequences.users)
        lengths = sequences.lengths[order]
        if sequences.ordered:
            lengths = lengths + 1
        user = np.repeat(np.arange(len(order), dtype=np.int32), lengths)
        within = np.arange(len(user)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        if sequences.ordered:
            source = np.where(within == 0, -1, np.repeat(sequences.indptr[order], lengths) + within - 1)
        else:
            source = np.repeat(sequences.indptr[order], lengths) + within
            source = source[np.lexsort((self._random.random(len(source)), user))]
        tail = self.windows * self._window + 1 - len(source)
        return np.pad(source, (0, tail), constant_values=-1), np.pad(user, (0, tail), constant_values=-1)

    def _cut(self, source: npt.NDArray[np.int64], user: npt.NDArray[np.int32], at: npt.NDArray[np.int64]) -> Batch:
        action = source[at]
        real = action >= 0
        sequences = self._sequences
        return Batch(
            np.where(real, sequences.rows[action] + 1, 0).astype(np.int32),
            np.where(real, sequences.actions[action], 0).astype(np.int32),
            np.where(real, self._gaps[action], 0).astype(np.int32),
            user[at],
            np.where(real[..., None], self._features[action], 0).astype(np.float32),
        )
