"""Sample-ratio mismatch: whether the arms got the shares of users that they should.

Sequential multinomial test (Lindon & Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022): the
Bayes factor of a Dirichlet prior centred on the expected shares against the shares themselves is a martingale, so its
running maximum may be looked at every day. p = 1 / the maximum so far. Beside it Pearson's chi-square of the last look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CONCENTRATION = 100.0
"""Weight of the prior, in users. Any value is valid; it decides at which sizes the test is strongest."""

ALARM = 0.01
"""Below this the split is called broken and no decision is taken."""


@dataclass(frozen=True)
class Mismatch:
    """``p_value`` may be looked at every day; ``fixed_p_value`` only once."""

    p_value: float
    fixed_p_value: float
    ok: bool


def sample_ratio(looks: Sequence[Sequence[int]] | npt.NDArray[np.integer], shares: Sequence[float]) -> Mismatch:
    """``looks`` int[looks, arms]: users so far in each arm at each look, in order of time; ``shares`` of the arms."""
    counts, expected = np.asarray(looks, np.float64).reshape(-1, len(shares)), np.asarray(shares, np.float64)
    if not len(counts) or counts[-1].sum() == 0:
        return Mismatch(1.0, 1.0, ok=True)
    from scipy.special import gammaincc, gammaln  # takes a second: the gateway, which only reads results, does without

    prior = CONCENTRATION * expected
    totals = counts.sum(axis=1)
    log_bayes = (
        gammaln(prior.sum())
        - gammaln(prior.sum() + totals)
        + (gammaln(prior + counts) - gammaln(prior)).sum(axis=1)
        - (counts * np.log(expected)).sum(axis=1)
    )
    p_value = float(np.exp(-max(float(log_bayes.max()), 0.0)))
    hoped = totals[-1] * expected
    statistic = float(((counts[-1] - hoped) ** 2 / hoped).sum())
    return Mismatch(p_value, float(gammaincc((len(shares) - 1) / 2, statistic / 2)), ok=p_value >= ALARM)
