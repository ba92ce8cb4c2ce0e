"""The point-in-time join, done by Feast's offline store."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from feast import FeatureStore

from feature_repo.daily_views import DAILY, feature_names
from feature_repo.entities import EVENT_TIMESTAMP
from feature_repo.sources import Offline
from feature_repo.store import feature_store

_ROW = "_row"


def join(labels: pa.Table, store: FeatureStore) -> pa.Table:
    """``labels`` in their order, with every daily feature as of each label's moment.

    ``labels`` has user_id, item_id and timestamp (UTC) beside columns that are passed through; each feature is a
    float32 column: the last snapshot stamped at or before the timestamp, 0 where the entity had none.
    Raises RuntimeError when the store loses or repeats a label row.
    """
    entities = labels.to_pandas().rename(columns={"timestamp": EVENT_TIMESTAMP})
    entities[_ROW] = range(len(entities))
    names = [name for view in DAILY for name in feature_names(view)]
    keys = entities[[_ROW, "user_id", "item_id", EVENT_TIMESTAMP]]
    joined = store.get_historical_features(entity_df=keys, features=names).to_df()
    if len(joined) != len(keys) or not joined[_ROW].is_unique:
        raise RuntimeError(f"the point-in-time join gave {len(joined)} rows for {len(keys)} labels")
    columns = [name.split(":")[1] for name in names]
    features = joined.set_index(_ROW).loc[entities[_ROW], columns].fillna(0.0).astype("float32")
    table = labels
    for column in columns:
        table = table.append_column(column, pa.array(features[column].to_numpy(), pa.float32()))
    return table


def training_set(
    labels: pa.Table, paths: Mapping[str, str], registry: Path, offline: Offline, spark_conf: dict[str, str] | None
) -> pa.Table:
    """Joins ``labels`` with the snapshots at ``paths`` (daily view → Parquet path); see ``join``."""
    if not len(labels):
        empty = labels
        for _, features in DAILY.values():
            for feature in features:
                empty = empty.append_column(feature.name, pa.array([], pa.float32()))
        return empty
    with feature_store(registry, paths, offline, spark_conf=spark_conf) as store:
        return join(labels, store)
