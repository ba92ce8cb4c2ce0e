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
DRAWS = 200_000
"""So many that the smallest p-value outlives a correction for a report's tests, some 40 at ALPHA of a thousandth."""


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
    """The curve of ``reference`` on ``current``; both must be ``learnable``. The p-value counts how often an unchanged
    world has an error as large (consistency resampling, Bröcker & Smith 2007). Drawn are each bin's clicks, binomial
    with the bin's mean, which spreads no less than clicks of unlike chances do, and the curve's coefficients, normal
    with their covariance: ``reference`` is no larger than ``current``, and what it says of the curve no surer."""
    inputs = [np.column_stack([one.scores, np.log(one.positions)]) for one in (reference, current)]
    centre, spread = inputs[0].mean(axis=0), inputs[0].std(axis=0)
    spread[spread == 0] = 1.0
    before, now = ((one - centre) / spread for one in inputs)
    curve = LogisticRegression(C=np.inf).fit(before, reference.labels)
    chance = curve.predict_proba(now)[:, 1]
    order = np.argsort(chance, kind="stable")
    bins = np.empty(len(chance), np.int64)
    bins[order] = np.arange(len(chance)) * BINS // len(chance)
    rows = np.bincount(bins, minlength=BINS)
    predicted = np.bincount(bins, chance, BINS) / np.maximum(rows, 1)

    def error(clicks: Values) -> Values:
        return np.asarray(np.abs(clicks - rows * predicted).sum(axis=-1) / len(chance), np.float64)

    random = np.random.default_rng(seed)
    clicked = np.bincount(bins, current.labels, BINS).astype(np.float64)
    found = float(error(clicked))
    slopes = np.stack([np.bincount(bins, chance * (1 - chance) * x, BINS) for x in _with_one(now).T], axis=1)
    curves = random.multivariate_normal(np.zeros(slopes.shape[1]), _covariance(curve, before), DRAWS)
    larger = int((error(random.binomial(rows, predicted, (DRAWS, BINS)) + curves @ slopes.T) >= found).sum())
    rate = float(current.labels.mean())
    return Reliability(predicted, clicked / np.maximum(rows, 1), rows, found, rate, (larger + 1) / (DRAWS + 1))


def _with_one(inputs: Values) -> Values:
    return np.column_stack([np.ones(len(inputs)), inputs])


def _covariance(curve: LogisticRegression, inputs: Values) -> Values:
    """Of the coefficients, intercept first: the inverse of the information that ``inputs`` hold."""
    chance, known = curve.predict_proba(inputs)[:, 1], _with_one(inputs)
    return np.asarray(np.linalg.pinv(known.T @ (known * (chance * (1 - chance))[:, None])), np.float64)
