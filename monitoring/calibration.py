"""Do the ranker's scores still mean the click rates that they meant?

A ranker's score is no probability. A logistic curve over score and logarithm of the position (Platt 1999) turns the
scores of the reference window into click rates; the reliability of the same curve on the last week says whether they
still hold.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

Values = npt.NDArray[np.float64]

BINS = 10
DRAWS = 2000


@dataclass(frozen=True)
class ShownItems:
    """Items of pages: ``scores`` float64[n] by the ranker, ``positions`` int32[n] from 1, ``labels`` int8[n]."""

    scores: Values
    positions: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Reliability:
    """``predicted`` and ``observed`` click rate float64[b] of each bin and its ``rows`` int64[b]; ``error`` is the
    expected calibration error Σ rows · |observed − predicted| / n (Naeini et al., AAAI 2015), ``rate`` the click rate,
    ``p_value`` that of an error so large if the predictions were true."""

    predicted: Values
    observed: Values
    rows: npt.NDArray[np.int64]
    error: float
    rate: float
    p_value: float


def learnable(items: ShownItems) -> bool:
    """Whether there are clicks and other rows to learn from."""
    return 0 < int(items.labels.sum()) < len(items)


def reliability(reference: ShownItems, current: ShownItems, seed: int) -> Reliability:
    """The curve of ``reference`` on ``current``; both must be ``learnable``. The p-value counts how often labels drawn
    from the predictions have an error as large (consistency resampling, Bröcker & Smith 2007)."""
    inputs = [np.column_stack([one.scores, np.log(one.positions)]) for one in (reference, current)]
    centre, spread = inputs[0].mean(axis=0), inputs[0].std(axis=0)
    spread[spread == 0] = 1.0
    curve = LogisticRegression(C=np.inf).fit((inputs[0] - centre) / spread, reference.labels)
    chance = curve.predict_proba((inputs[1] - centre) / spread)[:, 1]
    order = np.argsort(chance, kind="stable")
    bins = np.empty(len(chance), np.int64)
    bins[order] = np.arange(len(chance)) * BINS // len(chance)
    rows = np.bincount(bins, minlength=BINS)
    predicted = np.bincount(bins, chance, BINS) / np.maximum(rows, 1)

    def error(labels: npt.NDArray[np.generic]) -> float:
        observed = np.bincount(bins, labels, BINS) / np.maximum(rows, 1)
        return float((rows * np.abs(observed - predicted)).sum() / len(chance))

    found, random = error(current.labels), np.random.default_rng(seed)
    larger = sum(error(random.random(len(chance)) < chance) >= found for _ in range(DRAWS))
    observed = np.bincount(bins, current.labels, BINS) / np.maximum(rows, 1)
    return Reliability(predicted, observed, rows, found, float(current.labels.mean()), (larger + 1) / (DRAWS + 1))
