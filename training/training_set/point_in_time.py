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
    float32 column: the last snapshot stamped at or before the timestamp, 0 where the entity had none. Snapshots are
    stamped at ends of UTC days, so Feast is asked once for each entity and day: its join pairs whatever it is asked
    for with every earlier snapshot. Raises RuntimeError when the store loses or repeats a row.
    """
    for view, (entity, features) in DAILY.items():
        asked = labels.select([entity, "timestamp"]).to_pandas().rename(columns={"timestamp": EVENT_TIMESTAMP})
        asked[EVENT_TIMESTAMP] = asked[EVENT_TIMESTAMP].dt.floor("D")
        moment_of = asked.groupby([entity, EVENT_TIMESTAMP], sort=False).ngroup().to_numpy()
        moments = asked.drop_duplicates(ignore_index=True)
        moments = moments.assign(**{_ROW: range(len(moments))})
        joined = store.get_historical_features(entity_df=moments, features=feature_names(view)).to_df()
        if len(joined) != len(moments) or not joined[_ROW].is_unique:
            raise RuntimeError(f"the point-in-time join gave {len(joined)} rows for {len(moments)} moments of {view}")
        known = joined.set_index(_ROW).sort_index()
        for feature in features:
            values = known[feature.name].fillna(0.0).to_numpy("float32")[moment_of]
            labels = labels.append_column(feature.name, pa.array(values, pa.float32()))
    return labels


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
