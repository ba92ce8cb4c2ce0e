"""CUPED: less variance from what users did before they were exposed (Deng, Xu, Kohavi, Walker, WSDM 2013).

The covariates are known before the first exposure, so the arms differ in them by chance only; subtracting what they
predict keeps the estimate's mean and shrinks its error. For ratios the influence of each user is adjusted (Deng,
Knoblich, Lu, KDD 2018, section 4). The coefficients are pooled over the arms; new users have a missing indicator.

An experiment that grows in phases is stratified by them: the phase a user was enrolled in is a covariate too, which is
post-stratification (Miratrix, Sekhon, Yu, JRSS B 2013) written as a regression.
"""

import numpy as np
import numpy.typing as npt

from experimentation.ratio import Ratio, Values


def covariates(clicks: Values, impressions: Values) -> npt.NDArray[np.float64]:
    """float64[users, 3] from the time before exposure, float64[users] each: linearised clicks (clicks − r ·
    impressions, r pooled), impressions, and whether there was neither (new users).

    Call it for the users of all arms together: a rate of each arm's own would hide the difference that chance made."""
    total = float(impressions.sum())
    rate = float(clicks.sum()) / total if total > 0 else 0.0
    return np.column_stack([clicks - rate * impressions, impressions, (impressions == 0) & (clicks == 0)]).astype(
        np.float64
    )


def strata(phase: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """float64[users, phases - 1]: which phase each user was enrolled in, the first being where all are 0."""
    return np.asarray(phase[:, None] == np.unique(phase)[1:], np.float64)


def adjust(arms: list[Ratio], before: list[npt.NDArray[np.float64]]) -> tuple[list[Ratio], float]:
    """The arms with what ``before`` (float64[users, c] an arm) predicts taken out, and the share of variance that it
    took. Where nothing can be predicted the arms come back as they were, and 0."""
    pooled = np.concatenate(before)
    centre = pooled.mean(axis=0)
    spread = pooled.std(axis=0)
    useful = spread > 0
    influence = np.concatenate([arm.influence for arm in arms])
    plain = float(influence.var())
    if not useful.any() or plain == 0:
        return arms, 0.0
    scaled = (pooled - centre)[:, useful] / spread[useful]
    weights, *_ = np.linalg.lstsq(scaled.T @ scaled, scaled.T @ influence, rcond=None)
    predicted = scaled @ weights
    adjusted, start = [], 0
    for arm in arms:
        mine = predicted[start : start + arm.users]
        start += arm.users
        shift = float(mine.mean()) if arm.users else 0.0
        adjusted.append(Ratio(arm.value - shift, arm.influence - (mine - shift)))
    after = float(np.concatenate([arm.influence for arm in adjusted]).var())
    return adjusted, max(0.0, 1.0 - after / plain)
