"""What a two-tower run is told."""

from dataclasses import dataclass, replace
from typing import Literal

Variant = Literal["auto", "pooled", "causal", "set"]

CAUSAL_OPERATIONS = 4.2e6
"""Floating-point operations that a position of the causal variant costs, at the speed of a product of matrices; its
passes over memory are counted in. Measured on two AVX2 cores: 450 ms of one core for 3,200 positions at 30 GFLOP/s."""

POOLED_WINDOW = 32
"""Actions back that the pooled variant learns from; 50 cost a fifth of the speed and bring nothing."""

POOLED_NEGATIVES = 448
"""Negatives of the pooled variant: the passes that 1,000 cost bring more than they do. After 96 s on MovieLens-1M 512,
448 and 384 gave NDCG@10 .183, .181 and .178 at 82,100, 86,600 and 89,600 examples a second."""

CAUSAL_PASSES = 90.0
"""Passes over the data, as estimated, from which the causal variant is chosen. With 60 a budget of 45 minutes on
MovieLens-1M chose it on two quick cores; it made two thirds of the passes, and after 405 s of training its validation
NDCG@10 was .192 where the pooled variant's was .204."""

POOLED_RATE, CAUSAL_RATE = 6e-3, 1.5e-3
"""Learning rates: of the pooled variant 2e-3 gave NDCG@10 .13, 4e-3 .15, 6e-3 and 8e-3 .16 after a minute on
MovieLens-1M."""


@dataclass(frozen=True)
class TwoTowerSettings:
    """``variant``: ``pooled`` (learned recency-weighted pools of the last actions: quick), ``causal`` (causal
    transformer: for whoever has time for ``causal_passes`` over the data), ``set`` (order unknown), ``auto`` chooses
    by data and budget. ``size`` is the vectors' dimension. Dropouts are shares; ``id_dropout`` teaches the item tower
    to do without an id, ``token_dropout`` the user tower to do without an action, ``gap_dropout`` without times.
    ``fine_tuning`` is the share of the run for actions that were held back. ``passes`` ends training before the budget
    does. ``validation_users`` give up their last action for the curves.
    """

    variant: Variant = "auto"
    size: int = 128
    window: int = 100
    batch_windows: int = 32
    negatives: int = 1000
    pools: int = 5
    hidden: int = 128
    heads: int = 4
    blocks: int = 2
    dropout: float = 0.25
    token_dropout: float = 0.1
    id_dropout: float = 0.05
    gap_dropout: float = 0.1
    learning_rate: float = 0.0
    clip: float = 5.0
    warm_up: float = 0.03
    fine_tuning: float = 0.12
    passes: float = 60.0
    causal_passes: float = CAUSAL_PASSES
    validation_users: int = 1024
    validations: int = 10
    full_softmax_items: int = 1000

    def resolved(
        self, actions: int, ordered: bool, budget_seconds: float, operations_per_second: float
    ) -> "TwoTowerSettings":
        """With the variant chosen for ``actions`` actions and a machine that does so many floating-point operations a
        second in products of matrices, and its learning rate."""
        variant: Variant = self.variant
        if not ordered:
            variant = "set"
        elif variant == "auto":
            passes = budget_seconds * operations_per_second / CAUSAL_OPERATIONS / max(actions, 1)
            variant = "causal" if passes >= self.causal_passes else "pooled"
        chosen = replace(self, variant=variant)._with_rate(CAUSAL_RATE if variant == "causal" else POOLED_RATE)
        if variant != "pooled":
            return chosen
        # The same positions a batch; older actions weigh nothing in the pools.
        window = min(self.window, POOLED_WINDOW)
        batch, negatives = self.batch_windows * self.window // window, min(self.negatives, POOLED_NEGATIVES)
        return replace(chosen, window=window, batch_windows=batch, negatives=negatives)

    def _with_rate(self, rate: float) -> "TwoTowerSettings":
        return replace(self, learning_rate=self.learning_rate or rate)
