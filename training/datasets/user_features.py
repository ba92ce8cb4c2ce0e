"""Batch features of users as they stood at each action."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class UserFeatures:
    """``values`` float32[N, F] aligned with the actions of ``Sequences``: what was known of the user just before that
    action (never later: a point-in-time join makes them). ``names`` are the columns, in the order of the release."""

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]

    @classmethod
    def none(cls, actions: int) -> "UserFeatures":
        """No features for ``actions`` actions."""
        return cls((), np.zeros((actions, 0), np.float32))

    def keep(self, mask: npt.NDArray[np.bool_]) -> "UserFeatures":
        """The rows where ``mask`` bool[N] holds."""
        return UserFeatures(self.names, self.values[mask])

    def scale(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Mean and standard deviation of each column (1 where constant), float32[F], missing values left out."""
        if not len(self.values) or not self.names:
            return np.zeros(len(self.names), np.float32), np.ones(len(self.names), np.float32)
        finite = np.where(np.isfinite(self.values), self.values, np.nan).astype(np.float64)
        known = np.isfinite(finite)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, finite, 0.0).sum(axis=0) / count
        spread = np.sqrt(np.where(known, (finite - mean) ** 2, 0.0).sum(axis=0) / count)
        return mean.astype(np.float32), np.where(spread > 0, spread, 1.0).astype(np.float32)
