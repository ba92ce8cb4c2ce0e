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
    """Items of pages: ``scores`` float64[n] by the ranker, ``positions`` int32[n] from 1, ``labels`` int8[n], and to
    whom they were shown, ``users`` int64[n]."""

    scores: Values
    positions: npt.NDArray[np.int32]
    labels: npt.NDArray[np.int8]
    users: npt.NDArray[np.int64]

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
    world has an error as large. Drawn are the bins' differences, normal with two covariances: that of what users add to
    them, since one user's clicks are no independent ones (Liang & Zeger, Biometrika 1986), and that of the curve, which
    ``reference`` knows no better."""
    inputs = [np.column_stack([one.scores, np.log(one.positions)]) for one in (reference, current)]
    centre, spread = inputs[0].mean(axis=0), inputs[0].std(axis=0)
    spread[spread == 0] = 1.0
    before, now = (np.column_stack([np.ones(len(one)), (one - centre) / spread]) for one in inputs)
    curve = LogisticRegression(C=np.inf, fit_intercept=False).fit(before, reference.labels)
    learned, chance = (curve.predict_proba(one)[:, 1] for one in (before, now))
    order = np.argsort(chance, kind="stable")
    bins = np.empty(len(chance), np.int64)
    bins[order] = np.arange(len(chance)) * BINS // len(chance)
    rows = np.bincount(bins, minlength=BINS)
    of_bin = np.eye(BINS)[bins]

    information = np.linalg.pinv(before.T @ (before * _variance(learned)))
    of_curve = information @ _spread(before * (reference.labels - learned)[:, None], reference.users) @ information
    slopes = of_bin.T @ (now * _variance(chance))
    differences = of_bin * (current.labels - chance)[:, None]
    covariance = _spread(differences, current.users) + slopes @ of_curve @ slopes.T
    drawn = np.random.default_rng(seed).multivariate_normal(np.zeros(BINS), covariance, DRAWS)
    found = float(np.abs(differences.sum(axis=0)).sum())
    larger = int((np.abs(drawn).sum(axis=1) >= found).sum())
    each = np.maximum(rows, 1)
    return Reliability(
        np.bincount(bins, chance, BINS) / each,
        np.bincount(bins, current.labels, BINS) / each,
        rows,
        found / len(chance),
        float(current.labels.mean()),
        (larger + 1) / (DRAWS + 1),
    )


def _variance(chance: Values) -> Values:
    """Of a click, as a column."""
    return (chance * (1 - chance))[:, None]


def _spread(values: Values, users: npt.NDArray[np.int64]) -> Values:
    """Covariance float64[k, k] of the sum over all rows of ``values`` float64[n, k], when users are what is drawn."""
    known, user = np.unique(users, return_inverse=True)
    sums = np.zeros((len(known), values.shape[1]))
    np.add.at(sums, user, values)
    return np.atleast_2d(np.cov(sums, rowvar=False)) * len(known) if len(known) > 1 else sums.T @ sums
