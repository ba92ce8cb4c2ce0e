"""Feast's store with our views applied."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from feast import FeatureStore, RepoConfig

from feature_repo.entities import ENTITIES
from feature_repo.online import PROJECT
from feature_repo.sources import Offline
from feature_repo.views import views


def _online(redis_url: str) -> dict[str, Any]:
    """Feast's form of ``redis[s]://[:password@]host:port/db``."""
    address = urlsplit(redis_url)
    parts = [f"{address.hostname}:{address.port or 6379}", f"db={address.path.strip('/') or 0}"]
    if address.username:
        parts.append(f"username={address.username}")
    if address.password:
        parts.append(f"password={address.password}")
    if address.scheme == "rediss":
        parts.append("ssl=true")
    return {"type": "redis", "connection_string": ",".join(parts)}


@contextmanager
def feature_store(
    registry: Path, paths: Mapping[str, str], offline: Offline, *, redis_url: str = "", spark_conf: Any = None
) -> Iterator[FeatureStore]:
    """A store whose views are those of ``paths`` (view name → Parquet path), closed at the end.

    ``registry`` is Feast's registry file: one for each run keeps two runs apart, one for each installation is what
    ``feast ui`` looks at. Without ``redis_url`` there is no online store. ``spark_conf`` overlays the Spark session
    when ``offline`` is Spark.
    """
    registry.parent.mkdir(parents=True, exist_ok=True)
    offline_store: dict[str, Any] = {"type": offline.value}
    if spark_conf is not None:
        offline_store["spark_conf"] = spark_conf
    config = RepoConfig(
        project=PROJECT,
        provider="local",
        registry=str(registry),
        offline_store=offline_store,
        online_store=_online(redis_url) if redis_url else None,
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    store.apply([*ENTITIES.values(), *views(paths, offline)])
    try:
        yield store
    finally:
        if redis_url:
            asyncio.run(store.close())
