"""EASE: a linear item model with a closed form (Steck, Embarrassingly Shallow Autoencoders, WWW 2019)."""

from dataclasses import dataclass

import numpy as np

from contracts.errors import InvalidInputError
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models.closed_form import DENSE_LIMIT, inverse, precision
from training.models.fitted import Progress, silent
from training.models.interactions import interaction_matrix
from training.models.item_weights import ItemWeights, blocks, relative_popularity


@dataclass(frozen=True)
class EaseSettings:
    """``ridge`` is the paper's lambda. ``half_life`` in actions weighs the history when it is scored; None is the
    published model, 5 is far better where time order matters."""

    ridge: float = 500.0
    half_life: float | None = None
    user_cap: int = 2000
    dense_items: int = DENSE_LIMIT


def fit(
    sequences: Sequences,
    items: ItemTable,  # noqa: ARG001
    *,
    settings: EaseSettings | None = None,
    seed: int = 0,  # noqa: ARG001
    budget_seconds: float = 0.0,  # noqa: ARG001
    progress: Progress = silent,
) -> ItemWeights:
    """``B = -P / diag(P)``, diagonal zero, with ``P = (XᵀX + ridge·I)⁻¹``.

    Raises InvalidInputError above ``dense_items`` items, where the dense matrix fits no small machine.
    """
    settings = settings or EaseSettings()
    n = sequences.items
    if n > settings.dense_items:
        raise InvalidInputError(
            "items", f"{n:,} items need a dense {n:,} × {n:,} matrix, the limit is {settings.dense_items:,}"
        )
    by_user = interaction_matrix(sequences, user_cap=settings.user_cap)
    by_item = by_user.T.tocsr()
    gram = np.zeros((n, n), precision(n))
    for start, stop in blocks(n, 2048):
        gram[start:stop] = (by_item[start:stop] @ by_user).toarray()
    gram[np.diag_indices(n)] += settings.ridge
    progress(f"ease: inverting {n:,} × {n:,}")
    weights = inverse(gram)
    weights /= -np.diag(weights).copy()
    weights[np.diag_indices(n)] = 0.0
    return ItemWeights(
        weights.astype(np.float32), relative_popularity(sequences.counts()), half_life=settings.half_life
    )
