"""The daily features of users: joined by Feast as training joins them, against what stands online."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from feature_repo.daily_views import DAILY
from feature_repo.online import PROJECT
from feature_repo.redis_reader import read_users
from feature_repo.sources import Offline
from feature_repo.user_daily import FEATURES
from streaming.skew.report import FeatureSkew, by_column, compare
from training.jobs.dataset import folder_of_parquet
from training.training_set.point_in_time import training_set

if TYPE_CHECKING:
    import redis

NAMES = tuple(feature.name for feature in FEATURES)


def daily_skew(
    client: "redis.Redis[bytes]",
    snapshots: Path,
    users: list[str],
    now: datetime,
    registry: Path,
    *,
    project: str = PROJECT,
) -> list[FeatureSkew]:
    """``snapshots`` holds the folders of the daily views that were exported last. Raises redis.RedisError."""
    labels = pa.table(
        {
            "user_id": pa.array(users, pa.string()),
            "item_id": pa.array(["none"] * len(users), pa.string()),
            "timestamp": pa.array([now] * len(users), pa.timestamp("us", tz="UTC")),
        }
    )
    paths = {view: folder_of_parquet(snapshots / view) for view in DAILY}
    joined = training_set(labels, paths, registry, Offline.DUCKDB, None).select(list(NAMES)).to_pylist()
    online = [row.daily for row in read_users(client, users, project=project)]
    return compare(NAMES, by_column(joined, NAMES), by_column(online, NAMES), "user_daily:")
