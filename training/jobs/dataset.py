"""What the models of a run read: the cleaned actions before the holdout and the items, always numbered alike."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feature_repo import user_daily
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.datasets.user_features import UserFeatures
from training.jobs.outputs import ACTIONS, INTERACTIONS
from training.jobs.run import Run
from training.jobs.split import holdout_start

ORDER = [("user_id", "ascending"), ("timestamp", "ascending"), ("event_id", "ascending")]
"""A total order, so that ties fall the same way in every run."""

FEATURES = tuple(feature.name for feature in user_daily.FEATURES)
COLUMNS = ["event_id", "user_id", "item_id", "action", "timestamp", "value"]


@dataclass(frozen=True)
class DataSet:
    """``everything`` are all cleaned actions, ``train`` those before ``cut`` (epoch seconds); ``items`` are aligned
    with both. ``first_seen`` of an item is its first action of all."""

    everything: Sequences
    train: Sequences
    items: ItemTable
    cut: float


def actions_in_order(run: Run) -> pa.Table:
    """The cleaned actions (COLUMNS) in ORDER."""
    table = pq.read_table(run.output("clean") / INTERACTIONS, columns=COLUMNS).sort_by(ORDER)
    moment = pa.timestamp("us", tz="UTC")
    at = table.column_names.index("timestamp")
    return table.set_column(at, "timestamp", table["timestamp"].cast(moment))


def load(run: Run) -> DataSet:
    """Reads the data set of a run whose step clean is done. Row ``i`` of ``everything`` is row ``i`` of
    ``actions_in_order``."""
    actions = actions_in_order(run)
    catalogue = run.lake.read("items")
    known = set(catalogue["item_id"].to_pylist()) | set(pc.unique(actions["item_id"]).to_pylist())
    item_ids = sorted(known)
    everything = Sequences.from_table(actions, item_ids)
    items = ItemTable.from_table(catalogue, item_ids)
    cut = holdout_start(everything.times, everything.user_of, float(run.inputs.settings["train_holdout_share"]))
    return DataSet(
        everything, everything.keep(everything.times < cut), items.with_first_seen(everything.first_seen()), cut
    )


def user_features(run: Run, data: DataSet) -> UserFeatures:
    """The user's daily features as of each action of ``data.everything``, from the point-in-time training set; NaN for
    the actions that it leaves out."""
    joined = pq.read_table(run.output("training_set") / ACTIONS, columns=["row", *FEATURES])
    values: npt.NDArray[np.float32] = np.full((len(data.everything), len(FEATURES)), np.nan, np.float32)
    rows = joined["row"].to_numpy()
    for column, name in enumerate(FEATURES):
        values[rows, column] = joined[name].to_numpy()
    return UserFeatures(FEATURES, values)


def folder_of_parquet(folder: Path) -> str:
    """The files of a Spark output folder, as DuckDB and Feast take them."""
    return str(folder / "*.parquet")
