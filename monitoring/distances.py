"""How far two samples are apart: the population stability index, and tests whose rows are independent users."""

import numpy as np
import numpy.typing as npt
from scipy import stats

Values = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BINS = 10
RARE = 5
"""A category with fewer rows than this in both samples together is counted with the other rare ones: below it the
chi-squared approximation fails (Cochran, Biometrics 1954)."""


def psi(reference: Values, current: Values, bins: int = BINS) -> float:
    """``psi_of_counts`` over bins with equal shares of ``reference`` (float64[n] each). Equal values share a bin."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    counted = [
        np.bincount(np.searchsorted(edges, v, side="left"), minlength=len(edges) + 1) for v in (reference, current)
    ]
    return psi_of_counts(*counted)


def psi_of_counts(reference: Counts, current: Counts) -> float:
    """Population stability index Σ (c − r) · ln(c / r) of the shares of counts int64[k] of each bin or category.

    Below 0.1 nothing moved, from 0.2 on a lot did (Siddiqi, Credit Risk Scorecards, 2006). What two samples of one
    distribution have on average, (k − 1)(1 / n + 1 / m) (Yurdakul, 2018), is taken off, down to zero: else many bins
    and few rows alone would look like a change. Half a row is added to each bin, so that an empty one is finite.
    """
    shares = [(counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (reference, current)]
    index = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    return max(0.0, index - (len(reference) - 1) * float(1 / reference.sum() + 1 / current.sum()))


def ks(reference: Values, current: Values) -> float:
    """p of the two-sample Kolmogorov-Smirnov test; with ties it errs on the side of silence (Noether 1963)."""
    return float(stats.ks_2samp(reference, current).pvalue)


def category_counts(reference: Counts, current: Counts, kinds: int) -> Counts:
    """int64[2, k] of codes int64[n] from 0 to ``kinds`` − 1; rare ones are one category, absent ones none."""
    table = np.stack([np.bincount(codes, minlength=kinds) for codes in (reference, current)])
    rare = table.sum(axis=0) < RARE
    merged = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    return merged[:, merged.sum(axis=0) > 0].astype(np.int64)


def chi_squared(table: Counts) -> float:
    """p of Pearson's test that both rows of int64[2, k] have one distribution; 1 for a single category."""
    return float(stats.chi2_contingency(table).pvalue) if table.shape[1] > 1 else 1.0
