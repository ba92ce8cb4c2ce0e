"""Trains the deep ranker and writes it into a release."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError
from pipeline.user import History
from training.models.fitted import Progress, silent
from training.rankers.deep_model import CandidateScorer, DeepRanker, ServedScorer
from training.rankers.examples import Examples
from training.rankers.settings import DeepSettings
from training.tensorflow_runtime import load

tf = load()


@dataclass(frozen=True)
class FittedDeep:
    """A trained deep ranker; ``validation`` is its NDCG@10 on the validating requests, NaN without any."""

    served: ServedScorer
    validation: float
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def score(
        self,
        history: History,
        now: float,
        rows: npt.NDArray[np.int32],
        features: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        """float32[n] for candidates ``rows`` int32[n] with ``features`` float32[n, K]."""
        items, actions, ages = _history(history, now)
        scores = self.served.serve(items[None], actions[None], ages[None], (rows + 1).astype(np.int32), features)
        return np.asarray(scores["scores"].numpy(), np.float32)

    def export(self, release_dir: Path, version: int = 1) -> None:
        """``models/ranker/<version>/``, a SavedModel with the signature of a release."""
        folder = release_dir / "models" / "ranker" / str(version)
        folder.parent.mkdir(parents=True, exist_ok=True)
        tf.saved_model.save(self.served, str(folder), signatures={"serving_default": self.served.serve})


def fit(
    examples: Examples,
    items: int,
    *,
    settings: DeepSettings | None = None,
    seed: int = 0,
    budget_seconds: float = 0.0,
    progress: Progress = silent,
) -> FittedDeep:
    """Trains for ``settings.epochs``, ``budget_seconds`` (0: no limit) or until the validating requests gain no more,
    and keeps the weights that were best on them. Raises InvalidInputError without a request to learn from."""
    settings = settings or DeepSettings()
    train, validation = examples.where(~examples.validates), examples.where(examples.validates)
    if not len(train.group):
        raise InvalidInputError("examples", "no past request found what came next, the ranker needs some that did")
    tf.keras.utils.set_random_seed(seed)
    mean, scale = train.features.mean(axis=0), train.features.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1).astype(np.float32)
    ordered = all(history.ordered for history in train.histories)
    model = DeepRanker(CandidateScorer(items, mean, scale, ordered, settings, seed), settings)
    model.compile(optimizer=tf.keras.optimizers.Adam(settings.learning_rate, clipnorm=5.0))
    step = tf.function(model.train_step, reduce_retracing=True)
    random, started = np.random.default_rng(seed), time.monotonic()
    score = tf.function(partial(_scores, model.scorer), reduce_retracing=True)
    best, best_epoch, weights = -1.0, 0, None
    curves: dict[str, list[tuple[float, float]]] = {"loss": [], "validation ndcg@10": []}
    for epoch in range(settings.epochs):
        losses = []
        for batch in _batches(train, settings, random.permutation(len(train.group))):
            losses.append(float(step(batch)["loss"]))
            if 0 < budget_seconds < time.monotonic() - started:
                break
        gained = _ndcg(score, validation, settings)
        curves["loss"].append((epoch + 1.0, float(np.mean(losses))))
        curves["validation ndcg@10"].append((epoch + 1.0, gained))
        progress(f"deep ranker: epoch {epoch + 1}, loss {np.mean(losses):.3f}, validation NDCG@10 {gained:.4f}")
        if weights is None or np.isnan(gained) or gained > best:
            best, best_epoch, weights = gained, epoch, model.scorer.get_weights()
        if epoch - best_epoch >= settings.patience or 0 < budget_seconds < time.monotonic() - started:
            break
    model.scorer.set_weights(weights)
    return FittedDeep(ServedScorer(model.scorer, train.features.shape[1]), best, curves)


def _scores(scorer: CandidateScorer, batch: dict[str, Any]) -> Any:
    return scorer(batch["history"], batch["actions"], batch["ages"], batch["items"], batch["dynamic"])


def _history(history: History, now: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    ages = np.maximum(now - history.times, 0) if history.ordered else np.zeros(len(history))
    return (history.rows + 1).astype(np.int32), history.actions.astype(np.int32), ages.astype(np.float32)


def _batches(
    examples: Examples, settings: DeepSettings, order: npt.NDArray[np.int64]
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    starts = np.concatenate(([0], np.cumsum(examples.group)))
    longest = int(examples.group.max())
    for begin in range(0, len(order), settings.batch_groups):
        chosen = order[begin : begin + settings.batch_groups]
        columns = np.arange(longest)[None] < examples.group[chosen][:, None]
        at = np.where(columns, starts[chosen][:, None] + np.arange(longest)[None], 0)
        labels = np.where(columns, examples.labels[at], 0).astype(np.float32)
        history = np.zeros((3, len(chosen), settings.history), np.float64)
        for row, request in enumerate(chosen.tolist()):
            parts = _history(examples.histories[request].last(settings.history), float(examples.nows[request]))
            for kind, part in enumerate(parts):
                history[kind, row, settings.history - len(part) :] = part
        yield {
            "history": history[0].astype(np.int32),
            "actions": history[1].astype(np.int32),
            "ages": history[2].astype(np.float32),
            "items": np.where(columns, examples.rows[at] + 1, 0).astype(np.int32),
            "dynamic": examples.features[at],
            "positions": np.minimum(np.where(columns, examples.positions[at], 0), settings.positions).astype(np.int32),
            "labels": labels / np.maximum(labels.sum(axis=1, keepdims=True), 1),
            "real": columns.astype(np.float32),
        }


def _ndcg(score: Callable[[dict[str, Any]], Any], examples: Examples, settings: DeepSettings) -> float:
    """Mean NDCG@10 over the requests, each with a wanted candidate or more; NaN without any."""
    gains = []
    for batch in _batches(examples, settings, np.arange(len(examples.group))) if len(examples.group) else ():
        scores, wanted = np.where(batch["real"] > 0, score(batch).numpy(), -np.inf), batch["labels"] > 0
        order = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        discount = 1 / np.log2(np.arange(order.shape[1]) + 2)
        ideal = np.cumsum(discount)[np.minimum(wanted.sum(axis=1), len(discount)) - 1]
        gains.append(np.take_along_axis(wanted, order, axis=1) @ discount / ideal)
    return float(np.mean(np.concatenate(gains))) if gains else float("nan")
