"""Implicit-feedback ALS in Spark (Hu, Koren & Volinsky, ICDM 2008); users are folded in from their history.

ALS knows no order: a history is a set to it. Spark scales the regularisation by a user's number of actions
(ALS-WR), and so does the fold-in here; Spark's own user factors are not kept, so that a new user is treated as any.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import UnavailableError
from pipeline.user import History
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models.fitted import Progress, Scores, silent

_CELLS_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class AlsSettings:
    """``alpha`` is the confidence of one action, ``regularisation`` the ridge per action, ``history`` how many of a
    user's latest actions are folded in. ``master`` and ``memory`` are for a Spark session, if none runs yet."""

    rank: int = 32
    iterations: int = 8
    alpha: float = 10.0
    regularisation: float = 0.05
    history: int = 500
    master: str = "local[2]"
    memory: str = "3g"


@dataclass(frozen=True)
class FittedAls:
    """``items`` float32[n, k] (zero for an item that training never saw), ``gram`` float32[k, k] = itemsᵀ items."""

    items: npt.NDArray[np.float32]
    gram: npt.NDArray[np.float32]
    settings: AlsSettings
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def vectors(self, histories: Sequence[History]) -> npt.NDArray[np.float32]:
        """User factors float32[b, k]: ``(G + Σ α y yᵀ + λ h I)⁻¹ Σ (1 + α) y`` over the history's distinct items;
        zero for an empty history."""
        distinct = [np.unique(history.last(self.settings.history).rows) for history in histories]
        lengths = np.asarray([len(rows) for rows in distinct], np.int64)
        k = self.items.shape[1]
        result = np.zeros((len(histories), k), np.float32)
        order = np.argsort(lengths, kind="stable")
        order = order[lengths[order] > 0]
        start = 0
        while start < len(order):
            # Users of like length together; a block is padded to its longest.
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * max(int(lengths[order[stop]]), k) * k <= _CELLS_AT_ONCE:
                stop += 1
            users = order[start:stop]
            result[users] = self._fold_in([distinct[u] for u in users.tolist()], lengths[users])
            start = stop
        return result

    def _fold_in(self, rows: list[npt.NDArray[np.int32]], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        k, alpha = self.items.shape[1], self.settings.alpha
        factors = np.zeros((len(rows), int(lengths.max()), k), np.float32)
        at = np.arange(factors.shape[1])[None] < lengths[:, None]
        factors[at] = self.items[np.concatenate(rows)]
        system = self.gram + alpha * np.matmul(factors.transpose(0, 2, 1), factors)
        diagonal = np.arange(k)
        system[:, diagonal, diagonal] += self.settings.regularisation * lengths[:, None]
        right = (1.0 + alpha) * factors.sum(axis=1)
        return np.asarray(np.linalg.solve(system, right[..., None])[..., 0], np.float32)

    def scores(self, histories: Sequence[History], now: npt.NDArray[np.float64]) -> Scores:  # noqa: ARG002
        """float32[b, n], inner products; the moment of the request plays no part."""
        return np.asarray(self.vectors(histories) @ self.items.T, np.float32)

    def export(self, release_dir: Path) -> None:
        """``als/items.npy``, ``als/gram.npy`` and ``als/settings.json``."""
        folder = release_dir / "als"
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "items.npy", self.items)
        np.save(folder / "gram.npy", self.gram)
        kept = {name: asdict(self.settings)[name] for name in ("rank", "alpha", "regularisation", "history")}
        (folder / "settings.json").write_text(json.dumps(kept, indent=2) + "\n")


def fit(
    sequences: Sequences,
    items: ItemTable,  # noqa: ARG001
    *,
    settings: AlsSettings | None = None,
    seed: int = 0,
    budget_seconds: float = 0.0,  # noqa: ARG001
    progress: Progress = silent,
) -> FittedAls:
    """One preference a distinct (user, item). Raises UnavailableError when Spark cannot start (no Java)."""
    settings = settings or AlsSettings()
    pairs = np.unique(sequences.user_of * sequences.items + sequences.rows)
    columns = {
        "user": (pairs // sequences.items).astype(np.int32),
        "item": (pairs % sequences.items).astype(np.int32),
        "preference": np.ones(len(pairs), np.float32),
    }
    factors = np.zeros((sequences.items, settings.rank), np.float32)
    with tempfile.TemporaryDirectory(prefix="headwater-als-") as room:
        source, target = Path(room) / "pairs.parquet", Path(room) / "items"
        pq.write_table(pa.table(columns), source)
        progress(f"als: {len(pairs):,} pairs, rank {settings.rank}, {settings.iterations} iterations in Spark")
        _factorise(source, target, settings, seed)
        found = pq.read_table(target)
    vectors = found["features"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    factors[found["id"].to_numpy()] = vectors.reshape(-1, settings.rank)
    return FittedAls(factors, factors.T @ factors, settings)


def _factorise(source: Path, target: Path, settings: AlsSettings, seed: int) -> None:
    """Runs Spark's ALS over a Parquet file of pairs and writes the item factors as Parquet. A session that runs
    already is used and left as it is."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    from training.etl.session import SparkSettings, spark_session

    running = SparkSession.getActiveSession()
    try:
        if running is not None:
            _als(running, source, target, settings, seed)
        else:
            with spark_session("headwater-als", SparkSettings(settings.master, settings.memory)) as session:
                _als(session, source, target, settings, seed)
    except (PySparkException, OSError, RuntimeError) as error:
        raise UnavailableError("Spark", f"ALS did not run, is Java 17 installed? ({error})") from error


def _als(session: Any, source: Path, target: Path, settings: AlsSettings, seed: int) -> None:
    from pyspark.ml.recommendation import ALS

    als = ALS(
        rank=settings.rank,
        maxIter=settings.iterations,
        regParam=settings.regularisation,
        alpha=settings.alpha,
        implicitPrefs=True,
        seed=seed,
        userCol="user",
        itemCol="item",
        ratingCol="preference",
        numUserBlocks=4,
        numItemBlocks=4,
        intermediateStorageLevel="MEMORY_AND_DISK",
    )
    model = als.fit(session.read.parquet(str(source)))
    model.itemFactors.coalesce(1).write.parquet(str(target))
