"""The classifier two-sample test: if a classifier tells two samples apart, they differ."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.ensemble import RandomForestClassifier

TREES, LEAF = 100, 5


@dataclass(frozen=True)
class Told:
    """``auc``: the chance that a row of the current sample looks more current than one of the reference; 0.5 is no
    difference. ``p_value`` of its being 0.5."""

    auc: float
    p_value: float


def classifier_test(reference: npt.NDArray[np.float32], current: npt.NDArray[np.float32], seed: int) -> Told:
    """Two-sample test on float32[n, d] and float32[m, d] (Lopez-Paz & Oquab, ICLR 2017), with AUC for accuracy.

    A forest learns from one half of the rows and scores the other. Given the forest the scores of that half are
    independent, and under the null those of both samples are alike: the AUC is Mann and Whitney's U, whose
    distribution is known, so there is nothing to permute. One-sided: a classifier that is worse than chance found
    nothing. Rows must be independent.
    """
    random = np.random.default_rng(seed)
    rows = np.concatenate([reference, current])
    new = np.concatenate([np.zeros(len(reference), bool), np.ones(len(current), bool)])
    learns = random.random(len(rows)) < 0.5
    forest = RandomForestClassifier(TREES, min_samples_leaf=LEAF, class_weight="balanced", random_state=seed)
    forest.fit(rows[learns], new[learns])
    score = forest.predict_proba(rows[~learns])[:, 1]
    told = stats.mannwhitneyu(score[new[~learns]], score[~new[~learns]], alternative="greater")
    pairs = int(new[~learns].sum()) * int((~new[~learns]).sum())
    return Told(float(told.statistic) / pairs, float(told.pvalue))
