"""LambdaMART (Burges, 2010) by LightGBM over the ranking features."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt
from lightgbm.callback import CallbackEnv, EarlyStopException

from contracts.errors import InvalidInputError
from pipeline.blend import Blend
from pipeline.lambdamart import BLEND, MODEL, TREES
from pipeline.ranking_columns import RANKING_FEATURES
from training.models.fitted import Progress, silent
from training.rankers.examples import Examples
from training.rankers.settings import LambdaMartSettings

POSITIONS_READ = 100


@dataclass(frozen=True)
class FittedLambdaMart:
    """A trained forest over the retrieval order that chose what it was trained on: trees add to the ``blend``'s score,
    so that none of what the blend knows has to be learned again."""

    booster: lightgbm.Booster
    blend: Blend | None
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def validation(self) -> float:
        """NDCG@10 of its best tree on the validating requests, NaN without any."""
        return max((value for _, value in self.curves["validation ndcg@10"]), default=float("nan"))

    def score(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32[n] for ``features`` float32[n, K]."""
        trees = np.asarray(self.booster.predict(features, raw_score=True, num_threads=1), np.float32)
        return trees if self.blend is None else trees + self.blend.score(features)

    def export(self, release_dir: Path) -> None:
        """``lambdamart/trees.txt`` up to the best tree and ``lambdamart/blend.json``, to which it adds; without a blend
        ``lambdamart/model.txt``."""
        directory = release_dir / "lambdamart"
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / (MODEL if self.blend is None else TREES)
        self.booster.save_model(str(path), num_iteration=self.booster.best_iteration or None)
        if self.blend is not None:
            self.blend.save(directory / BLEND)


def fit(
    examples: Examples,
    *,
    blend: Blend | None = None,
    settings: LambdaMartSettings | None = None,
    seed: int = 0,
    budget_seconds: float = 0.0,
    progress: Progress = silent,
) -> FittedLambdaMart:
    """Trains trees that add to ``blend`` on the examples that do not validate; stops at ``budget_seconds`` (0: no
    limit) or when the validating ones stop gaining. Shown positions enter as LightGBM's position bias, which scoring
    leaves out.

    Raises InvalidInputError when no request has both a wanted and an unwanted candidate."""
    settings = settings or LambdaMartSettings()
    train, validation = examples.where(~examples.validates), examples.where(examples.validates)
    if not len(train.group):
        raise InvalidInputError("examples", "no past request found what came next, LambdaMART needs some that did")
    stop = _Stop(settings.patience, budget_seconds, progress)
    data = _dataset(train, blend, seed)
    valid_sets = [_dataset(validation, blend, seed, reference=data)] if len(validation.group) else []
    booster = lightgbm.train(
        {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [10],
            "lambdarank_truncation_level": settings.truncation,
            "num_leaves": settings.leaves,
            "learning_rate": settings.learning_rate,
            "min_data_in_leaf": min(settings.least_in_leaf, max(len(train.labels) // 100, 1)),
            "feature_fraction": settings.column_share,
            "num_threads": settings.threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        },
        data,
        num_boost_round=settings.trees,
        valid_sets=valid_sets,
        valid_names=["validation"] * len(valid_sets),
        callbacks=[stop],
    )
    return FittedLambdaMart(booster, blend, {"validation ndcg@10": stop.curve})


def _dataset(
    examples: Examples, blend: Blend | None, seed: int, reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    shown = np.minimum(examples.positions, POSITIONS_READ)
    return lightgbm.Dataset(
        examples.features,
        label=examples.labels,
        group=examples.group,
        init_score=None if blend is None else blend.score(examples.features).astype(np.float64),
        position=shown if shown.any() and reference is None else None,
        feature_name=list(RANKING_FEATURES),
        reference=reference,
        params={"data_random_seed": seed, "verbosity": -1},
        free_raw_data=True,
    )


class _Stop:
    """Ends the training at the budget, or when validation has not gained for long; the best tree counts."""

    order = 30
    before_iteration = False

    def __init__(self, patience: int, budget_seconds: float, progress: Progress) -> None:
        self.curve: list[tuple[float, float]] = []
        self._patience, self._budget, self._progress = patience, budget_seconds, progress
        self._started = time.monotonic()

    def __call__(self, env: CallbackEnv) -> None:
        seconds = time.monotonic() - self._started
        late = self._budget > 0 and seconds > self._budget
        results = env.evaluation_result_list or []
        best = env.iteration
        if results:
            self.curve.append((float(env.iteration + 1), float(results[0][2])))
            best = max(range(len(self.curve)), key=lambda at: self.curve[at][1])
        if env.iteration % 20 == 19:
            gained = f", validation NDCG@10 {self.curve[-1][1]:.4f}" if self.curve else ""
            self._progress(f"lambdamart: {env.iteration + 1} trees in {seconds:.0f} s{gained}")
        if late or env.iteration - best >= self._patience or env.iteration + 1 == env.end_iteration:
            raise EarlyStopException(best, results)
