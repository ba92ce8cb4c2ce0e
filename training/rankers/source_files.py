"""Writes the part of a release directory that the pipeline's sources and features read."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.models import popular
from training.models.fitted import Fitted
from training.rankers.transitions import fit_transitions

DAY_SECONDS = 86400.0


def item_columns(sequences: Sequences, items: ItemTable) -> pa.Table:
    """The table ``items.parquet``: items with their actions of all time and of the last 1, 7 and 28 days before the
    latest action of ``sequences``. Without times all four counts are the same."""
    first = items.first_seen
    if np.isnan(first).all():
        first = sequences.first_seen()
    categories = pa.ListArray.from_arrays(
        pa.array(items.category_indptr.astype(np.int32)),
        pa.array(items.category_names, pa.string()).take(pa.array(items.category_indices)),
    )
    columns = {
        "item_id": pa.array(items.item_ids, pa.string()),
        "category": categories,
        "title": pa.array(items.title, pa.string()),
        "created_at": _instants(items.created_at),
        "first_seen": _instants(first),
        "attributes": pa.array(
            [list(a.items()) for a in items.attributes] or [[]] * len(items), pa.map_(pa.string(), pa.string())
        ),
        "count": pa.array(sequences.counts(), pa.int64()),
        **{f"count_{days}d": pa.array(_counts(sequences, days), pa.int64()) for days in (1, 7, 28)},
        "year": pa.array(items.year, pa.int32()),
    }
    return pa.table(columns)


def write_sources(directory: Path, sequences: Sequences, items: ItemTable, fitted: Mapping[str, Fitted]) -> None:
    """``items.parquet``, ``popular.npy``, ``trending.npy``, ``transitions/`` and the files of every fitted model."""
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(item_columns(sequences, items), directory / "items.parquet")
    popular.fit(sequences, items).export(directory)
    fit_transitions(sequences).save(directory / "transitions")
    for name, model in fitted.items():
        if name != "popular":
            model.export(directory)


def _counts(sequences: Sequences, days: int) -> npt.NDArray[np.int64]:
    if not sequences.ordered or not len(sequences):
        return sequences.counts()
    recent = sequences.times > sequences.times.max() - days * DAY_SECONDS
    return np.bincount(sequences.rows[recent], minlength=sequences.items)


def _instants(seconds: npt.NDArray[np.float64]) -> pa.Array:
    unknown = np.isnan(seconds)
    micros = np.where(unknown, 0, seconds * 1e6).astype(np.int64)
    return pa.array(micros, pa.int64(), mask=unknown).cast(pa.timestamp("us", tz="UTC"))
