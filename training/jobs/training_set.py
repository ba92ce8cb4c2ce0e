"""Step training_set: actions and labelled impressions with the features that were known at their moment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from feature_repo.daily_views import DAILY
from feature_repo.sources import Offline
from training.jobs.dataset import actions_in_order, folder_of_parquet
from training.jobs.outputs import ACTIONS, IMPRESSIONS, LABELS
from training.jobs.run import Run
from training.training_set.point_in_time import training_set as join

_MOMENT = pa.timestamp("us", tz="UTC")


def _newest(table: pa.Table, count: int) -> pa.Table:
    """The ``count`` newest rows, in the order of the table."""
    if len(table) <= count:
        return table
    order = pc.array_sort_indices(table["timestamp"], order="descending").to_numpy()[:count]
    return table.take(pa.array(np.sort(order)))


def training_set(run: Run, out: Path) -> Mapping[str, Any]:
    """Writes ``actions.parquet`` (``row``: the action's place in ``dataset.actions_in_order``, label 1) and
    ``impressions.parquet`` (request_id, position, label), the newest ``train_label_rows`` of each. One join by Feast.

    Report: actions, impressions, positives.
    """
    most = int(run.inputs.settings["train_label_rows"])
    actions = actions_in_order(run)
    actions = actions.append_column("row", pa.array(np.arange(len(actions)), pa.int64()))
    actions = _newest(actions, most).select(["row", "user_id", "item_id", "timestamp"])
    actions = actions.append_column("label", pa.array(np.ones(len(actions), np.int32)))
    shown = pq.read_table(run.output("features") / LABELS)
    shown = shown.set_column(shown.column_names.index("timestamp"), "timestamp", shown["timestamp"].cast(_MOMENT))
    shown = _newest(shown, most).select(["request_id", "position", "user_id", "item_id", "timestamp", "label"])
    labels = pa.concat_tables([actions, shown], promote_options="default")
    offline = Offline(run.settings.feast_offline)
    folders = {view: run.output("features") / view for view in DAILY}
    paths = {v: str(f) if offline is Offline.SPARK else folder_of_parquet(f) for v, f in folders.items()}
    spark = {"spark.master": run.settings.spark_master, "spark.driver.memory": run.settings.spark_memory}
    joined = join(labels, paths, out / "registry.db", offline, spark if offline is Offline.SPARK else None)
    pq.write_table(joined.slice(0, len(actions)).drop_columns(["request_id", "position"]), out / ACTIONS)
    pq.write_table(joined.slice(len(actions)).drop_columns(["row"]), out / IMPRESSIONS)
    return {
        "actions": len(actions),
        "impressions": len(shown),
        "positives": int(pc.sum(shown["label"]).as_py() or 0),
    }
