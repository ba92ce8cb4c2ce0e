"""Fits the two towers within a time budget."""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.datasets.user_features import UserFeatures
from training.models.fitted import Progress, silent
from training.models.two_tower.fitted import FittedTwoTower, UserVectors, padded
from training.models.two_tower.item_tower import ItemTower
from training.models.two_tower.machine import operations_per_second
from training.models.two_tower.model import Inputs, Negatives, TwoTower, sampling_probabilities
from training.models.two_tower.settings import TwoTowerSettings
from training.models.two_tower.stream import Batch, Stream
from training.models.two_tower.user_tower import UserTower
from training.models.two_tower.validation import Validation
from training.tensorflow_runtime import load

tf = load()

_REPORT_SECONDS = 5.0
_WORSE = 0.97
"""Last weights this much worse than the best ones on validation give way to them."""

FINE_TUNING_RATE = 0.2
"""Learning rate from which the last part starts, when actions were held back, of that of the first part."""


@dataclass
class _Run:
    """What a training run has done so far."""

    started: float = field(default_factory=time.monotonic)
    reported: float = field(default_factory=time.monotonic)
    positions: int = 0
    compiled_after: tuple[float, int] = (0.0, 0)
    compiled: dict[tuple[int, ...], Any] = field(default_factory=dict)
    best: float = -1.0
    weights: list[npt.NDArray[np.float32]] = field(default_factory=list)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"loss": [], "validation ndcg@10": []})

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def rate(self) -> float:
        """Positions a second after the first step, which compiles; of a run of one step, with it."""
        seconds, positions = self.compiled_after
        if self.positions == positions:
            return self.positions / self.seconds()
        return (self.positions - positions) / (self.seconds() - seconds)


def fit(
    sequences: Sequences,
    items: ItemTable,
    *,
    settings: TwoTowerSettings | None = None,
    seed: int = 0,
    budget_seconds: float = 90.0,
    progress: Progress = silent,
    user_features: UserFeatures | None = None,
    held_back: npt.NDArray[np.bool_] | None = None,
) -> FittedTwoTower:
    """Trains until ``budget_seconds`` or ``settings.passes`` are over, whichever comes first; the learning rate falls
    to zero by then. Some users' last actions are left out for validation. Actions in ``held_back`` bool[N] are trained
    on only in the last part of the run, and the tower from before is kept: for labels that it has not seen.

    Raises InvalidInputError without data."""
    if not len(sequences):
        raise InvalidInputError("interactions", "there are none, the two-tower needs some to train on")
    settings = settings or TwoTowerSettings()
    settings = settings.resolved(len(sequences), sequences.ordered, budget_seconds, operations_per_second())
    features = user_features or UserFeatures.none(len(sequences))
    mean, spread = features.scale()
    scaled = np.nan_to_num((features.values - mean) / spread, nan=0.0, posinf=0.0, neginf=0.0)
    tf.keras.utils.set_random_seed(seed)
    validation = Validation.of(sequences, settings.validation_users, seed)
    counts = sequences.keep(validation.trains).counts()
    probabilities = sampling_probabilities(counts)
    item_tower = ItemTower(items, counts > 0, settings, seed)
    model = TwoTower(item_tower, UserTower(settings, seed), probabilities, settings)
    model.compile(
        optimizer=tf.keras.optimizers.Adam(1e-3, beta_2=0.98, global_clipnorm=settings.clip, jit_compile=False)
    )
    run = _Run()

    def frozen(tower: UserTower) -> UserVectors:
        return UserVectors(tower, item_tower.table(), mean, spread, window=settings.window, ordered=sequences.ordered)

    users = frozen(model.user_tower)

    def fitted(seen: UserVectors, actions: int, earlier: FittedTwoTower | None = None) -> FittedTwoTower:
        table = item_tower.table()
        seen.refresh(table)
        names = (items.category_names, features.names, settings.variant)
        return FittedTwoTower(table[1:], seen, item_tower, *names, run.curves, actions, earlier)

    def train(kept: npt.NDArray[np.bool_], begin: float, end: float, rate: float) -> None:
        given = {"window": settings.window, "batch": settings.batch_windows, "seed": seed}
        stream = Stream(sequences.keep(kept), scaled[kept], **given)
        inputs = Inputs(Negatives(probabilities, settings, seed), settings.variant != "set")
        passes = settings.passes * stream.positions
        plan = _Plan(settings, budget_seconds, max(passes, 1.0), stream.positions, begin, end, rate)
        _train(model, stream, inputs, plan, run, progress, lambda: validation.ndcg(fitted(users, 0)))

    earlier = None
    if held_back is not None and (validation.trains & ~held_back).any():
        train(validation.trains & ~held_back, 0.0, 1.0 - settings.fine_tuning, settings.learning_rate)
        copy = UserTower(settings, seed)
        before = frozen(copy)
        before.serve(*padded([], np.zeros(0)), np.zeros((0, len(mean)), np.float32))
        for variable, trained in zip(copy.variables, model.user_tower.variables, strict=True):
            variable.assign(trained)
        earlier = fitted(before, int((~held_back).sum()))
        train(validation.trains, 1.0 - settings.fine_tuning, 1.0, settings.learning_rate * FINE_TUNING_RATE)
    else:
        train(validation.trains, 0.0, 1.0, settings.learning_rate)
    rate = run.rate()
    run.curves["examples_per_second"] = [(run.seconds(), rate)]
    progress(
        f"two_tower: {settings.variant}, {run.positions / len(sequences):.1f} passes, {rate:,.0f} examples/s,"
        f" validation ndcg@10 {run.best:.4f}, {run.seconds():.0f} s"
    )
    return fitted(users, len(sequences), earlier)


@dataclass(frozen=True)
class _Plan:
    """The part of a run from ``begin`` to ``end``, shares of time and of passes; ``rate`` is its highest learning
    rate."""

    settings: TwoTowerSettings
    budget_seconds: float
    planned: float
    a_pass: int
    begin: float
    end: float
    rate: float

    def done(self, run: "_Run") -> float:
        """Share of the run that is over, by time or by passes."""
        return max(run.seconds() / max(self.budget_seconds, 1e-9), run.positions / self.planned)

    def learning_rate(self, done: float) -> float:
        """The rate at ``done`` of the run; only a part that starts from nothing warms up."""
        within = max((done - self.begin) / (self.end - self.begin), 0.0)
        return self.rate * schedule(within, self.settings.warm_up if not self.begin else 0.0)


def _train(
    model: Any,
    stream: Stream,
    inputs: Inputs,
    plan: _Plan,
    run: _Run,
    progress: Progress,
    ndcg: Callable[[], float],
) -> None:
    settings = plan.settings
    batches = stream.batches()
    first = next(batches)
    # The parts of a run share one compiled step.
    step = run.compiled.setdefault(
        first.items.shape, tf.function(model.train_step, input_signature=[inputs.signature(first)])
    )
    checks = int(plan.begin * settings.validations) + 1
    run.best = -1.0
    for steps, given in enumerate(_ahead(batches, inputs)):
        done = plan.done(run)
        if done >= plan.end and steps:
            break
        model.optimizer.learning_rate = plan.learning_rate(done)
        loss = step(given)["loss"]
        run.positions += stream.batch * settings.window
        if not run.compiled_after[1]:
            run.compiled_after = (run.seconds(), run.positions)
            run.curves["loss"].append((run.seconds(), float(loss)))
        if time.monotonic() - run.reported > _REPORT_SECONDS:
            _report(run, float(loss), plan, progress)
        if done >= checks / settings.validations:
            checks = int(done * settings.validations) + 1
            _validate(run, model, ndcg, float(loss))
    last = _validate(run, model, ndcg, float(loss))
    if last < _WORSE * run.best:
        for variable, value in zip(model.trainable_variables, run.weights, strict=True):
            variable.assign(value)


def _ahead(batches: Iterator[Batch], inputs: Inputs) -> Iterator[dict[str, Any]]:
    """The inputs of the next step are made while the present one runs: by one thread, in the order of ``batches``."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(lambda: inputs.of(next(batches)))
        while True:
            ready = coming.result()
            coming = thread.submit(lambda: inputs.of(next(batches)))
            yield ready


def schedule(done: float, warm_up: float) -> float:
    """Share of the learning rate at ``done`` (0..1): a linear warm-up, then a cosine to zero."""
    if done < warm_up:
        return max(done / warm_up, 0.05)
    return 0.5 * (1.0 + math.cos(math.pi * min((done - warm_up) / (1.0 - warm_up), 1.0)))


def _validate(run: _Run, model: Any, ndcg: Callable[[], float], loss: float) -> float:
    value = ndcg()
    run.curves["loss"].append((run.seconds(), loss))
    run.curves["validation ndcg@10"].append((run.seconds(), value))
    if value > run.best:
        run.best = value
        run.weights = [variable.numpy() for variable in model.trainable_variables]
    return value


def _report(run: _Run, loss: float, plan: _Plan, progress: Progress) -> None:
    run.reported = time.monotonic()
    validations = run.curves["validation ndcg@10"]
    latest = f", validation ndcg@10 {validations[-1][1]:.4f}" if validations else ""
    progress(
        f"two_tower: {plan.settings.variant}, pass {run.positions / plan.a_pass:.1f},"
        f" {run.rate():,.0f} examples/s, loss {loss:.3f}{latest},"
        f" {run.seconds():.0f} of {plan.budget_seconds:.0f} s"
    )
