"""Paired bootstrap intervals over users, percentile method (Efron & Tibshirani 1993, chapter 13.3).

All metrics and models of a call are resampled with the same users, so differences keep their pairing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError

Values = npt.NDArray[np.float64]

_BLOCK_CELLS = 8_000_000


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; ``users`` is how many gave a value."""

    mean: float
    lower: float
    upper: float
    users: int


def intervals(
    values: Mapping[str, Values], *, level: float = 0.95, resamples: int = 2000, seed: int = 7
) -> dict[str, Interval]:
    """Interval of the mean of each array. All arrays have one length and one order of users; a NaN (a user without a
    value) is left out of the means. Raises InvalidInputError for no users, unequal lengths or a level outside (0, 1).
    """
    if not 0 < level < 1 or resamples < 1:
        raise InvalidInputError("level", "must lie between 0 and 1, with at least one resample")
    names = list(values)
    lengths = {len(values[name]) for name in names}
    if len(lengths) != 1 or 0 in lengths:
        raise InvalidInputError("values", f"need one and the same number of users, got {sorted(lengths)}")
    table = np.column_stack([values[name] for name in names]).astype(np.float64)
    present = ~np.isnan(table)
    filled = np.where(present, table, 0.0)
    draws = np.empty((resamples, len(names)))
    users = len(table)
    generator = np.random.default_rng(seed)
    at_once = max(1, _BLOCK_CELLS // users)
    for start in range(0, resamples, at_once):
        number = min(at_once, resamples - start)
        picks = generator.integers(0, users, (number, users))
        weights = np.apply_along_axis(np.bincount, 1, picks, minlength=users).astype(np.float64)
        summed, counted = weights @ filled, weights @ present
        draws[start : start + number] = np.where(counted > 0, summed / np.maximum(counted, 1), np.nan)
    tail = (1 - level) / 2
    found = {}
    for column, name in enumerate(names):
        counted_users = int(present[:, column].sum())
        if counted_users == 0:
            found[name] = Interval(float("nan"), float("nan"), float("nan"), 0)
            continue
        lower, upper = np.nanquantile(draws[:, column], [tail, 1 - tail])
        mean = float(filled[:, column].sum() / counted_users)
        found[name] = Interval(mean, float(lower), float(upper), counted_users)
    return found


def difference(
    candidate: Values, reference: Values, *, level: float = 0.95, resamples: int = 2000, seed: int = 7
) -> Interval:
    """Interval of the mean of ``candidate − reference``, both float64[U] on the same users in the same order."""
    if candidate.shape != reference.shape:
        raise InvalidInputError("reference", f"has {len(reference)} users, the candidate {len(candidate)}")
    return intervals({"difference": candidate - reference}, level=level, resamples=resamples, seed=seed)["difference"]
