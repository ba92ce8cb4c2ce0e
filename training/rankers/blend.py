"""Learns the retrieval order: one weight a feature, by listwise softmax over each request's candidates."""

import numpy as np
import numpy.typing as npt

from pipeline.blend import Blend
from pipeline.ranking_columns import RANKING_FEATURES
from training.rankers.examples import Examples

COLUMNS = tuple(
    name for name in RANKING_FEATURES if name not in ("year", "year_known", "history_length", "session_length", "gap")
)
"""Those that tell one candidate of a request from another."""
STEPS = 300
LEARNING_RATE = 0.05
RIDGE = 1e-3


def fit_blend(examples: Examples) -> Blend | None:
    """Softmax cross-entropy (ListNet with one label, Cao et al., ICML 2007), by Adam; None without examples."""
    if not len(examples.group):
        return None
    at = [RANKING_FEATURES.index(name) for name in COLUMNS]
    table = examples.features[:, at]
    mean, scale = table.mean(axis=0), table.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1).astype(np.float32)
    standard = (table - mean) / scale
    starts = np.concatenate(([0], np.cumsum(examples.group)[:-1]))
    labels = examples.labels / np.repeat(np.add.reduceat(examples.labels.astype(np.float32), starts), examples.group)
    weights = np.zeros(len(COLUMNS), np.float32)
    moment, energy = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        surprise = _softmax(standard @ weights, starts, examples.group) - labels
        gradient = standard.T @ surprise / len(examples.group) + RIDGE * weights
        moment = 0.9 * moment + 0.1 * gradient
        energy = 0.99 * energy + 0.01 * gradient**2
        weights -= LEARNING_RATE * (moment / (1 - 0.9**step)) / (np.sqrt(energy / (1 - 0.99**step)) + 1e-8)
    return Blend(COLUMNS, mean.astype(np.float32), scale, weights.astype(np.float32))


def _softmax(
    scores: npt.NDArray[np.float32], starts: npt.NDArray[np.int64], group: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    shifted = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), group))
    share: npt.NDArray[np.float32] = shifted / np.repeat(np.add.reduceat(shifted, starts), group)
    return share
