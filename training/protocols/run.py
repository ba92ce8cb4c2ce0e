"""Trains the models of a split one after another and measures each on the same users."""

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contracts.errors import HeadwaterError, InvalidInputError
from training.evaluation.metrics import UserMetrics, evaluate
from training.models.fitted import Fitted, Progress, Scores, silent
from training.protocols.models import Order, fit, orders
from training.protocols.split import Split

_SAY_EVERY_SECONDS = 10.0


@dataclass(frozen=True)
class Evaluation:
    """``models``: name → metric → value, None where a model could not be trained, with the sentence in ``reasons``.
    ``segments``: segment → its users and name → metric → value. ``curves``: name → training curves."""

    protocol: str
    users: int
    items: int
    models: dict[str, dict[str, float] | None]
    segments: dict[str, dict[str, int | dict[str, dict[str, float]]]]
    reasons: dict[str, str]
    curves: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)


def run(
    split: Split,
    *,
    models: str = "all",
    ks: Sequence[int] = (10, 20, 100, 1000),
    seed: int = 7,
    budget_seconds: float = 900.0,
    progress: Progress = silent,
) -> Evaluation:
    """Trains and ranks all items that each test user has not met. The budget is for training; scoring comes on top.

    A model that cannot be trained on this data is None with a reason; the others go on. Raises InvalidInputError for
    unknown models, a k below 1 or a split without actions to train on.
    """
    if not ks or min(ks) < 1:
        raise InvalidInputError("--k", "must be whole numbers from 1, like 10,100")
    planned = orders(models, budget_seconds)
    if not len(split.train):
        raise InvalidInputError("interactions", "nothing is left to train on")
    fitted: dict[str, Fitted] = {}
    rows: dict[str, dict[str, float] | None] = {}
    reasons: dict[str, str] = {}
    segments: dict[str, dict[str, dict[str, float]]] = {name: {} for name in split.segments}
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for order in planned:
        started = time.monotonic()
        progress(f"{order.name}: training on {len(split.train):,} actions")
        try:
            model = fit(order, split.train, split.items, fitted, seed=seed, progress=progress)
        except HeadwaterError as error:
            reasons[order.name] = str(error)
            progress(f"{order.name}: not trained: {error}")
            if order.shown:
                rows[order.name] = None
            continue
        seconds = time.monotonic() - started
        fitted[order.name] = model
        curves[order.name] = model.curves
        if order.shown:
            measured = _measure(split, order, model, ks, progress)
            rows[order.name] = measured.means() | {"seconds": round(seconds, 3)}
            for name, mask in split.segments.items():
                if mask.any():
                    segments[name][order.name] = _means(measured, mask)
        gc.collect()
    counted: dict[str, dict[str, int | dict[str, dict[str, float]]]] = {
        name: {"users": int(mask.sum()), "models": segments[name]}
        for name, mask in split.segments.items()
        if mask.any()
    }
    return Evaluation(split.protocol, len(split), split.train.items, rows, counted, reasons, curves)


def _measure(split: Split, order: Order, model: Fitted, ks: Sequence[int], progress: Progress) -> UserMetrics:
    said = [time.monotonic()]

    def score(start: int, stop: int) -> Scores:
        return model.scores(split.histories[start:stop], split.now[start:stop])

    def tell(done: int, users: int) -> None:
        if time.monotonic() - said[0] > _SAY_EVERY_SECONDS:
            said[0] = time.monotonic()
            progress(f"{order.name}: scored {done:,} of {users:,} users")

    return evaluate(score, split.seen, split.targets, split.train.items, ks, progress=tell)


def _means(measured: UserMetrics, mask: npt.NDArray[np.bool_]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in measured.take(mask).items()}
