"""The Feast views: daily features of users and items, and their vectors under a release."""

from collections.abc import Mapping, Sequence

from feast import FeatureView, Field
from feast.types import Array, Float32

from feature_repo import item_daily, user_daily
from feature_repo.daily import TIME_TO_LIVE, DailyFeature
from feature_repo.entities import ENTITIES
from feature_repo.sources import Offline, parquet_source

USER_VECTOR, ITEM_VECTOR, VECTOR = "user_vector", "item_vector", "vector"

DAILY: dict[str, tuple[str, tuple[DailyFeature, ...]]] = {
    user_daily.VIEW: (user_daily.ENTITY, user_daily.FEATURES),
    item_daily.VIEW: (item_daily.ENTITY, item_daily.FEATURES),
}
"""Daily views: name → (join key, features)."""

VECTORS: dict[str, tuple[str, ...]] = {USER_VECTOR: ("user_id", "release"), ITEM_VECTOR: ("item_id", "release")}
"""Vector views: name → join keys."""


def _view(name: str, join_keys: Sequence[str], fields: list[Field], path: str, offline: Offline) -> FeatureView:
    return FeatureView(
        name=name,
        entities=[ENTITIES[key] for key in join_keys],
        schema=fields,
        ttl=TIME_TO_LIVE,
        source=parquet_source(f"{name}_source", path, offline),
    )


def daily_view(name: str, path: str, offline: Offline) -> FeatureView:
    """The view of DAILY with this name over the snapshots at ``path``. Raises KeyError for another name."""
    join_key, features = DAILY[name]
    fields = [
        Field(name=feature.name, dtype=Float32, description=feature.meaning, tags={"version": str(feature.version)})
        for feature in features
    ]
    return _view(name, (join_key,), fields, path, offline)


def vector_view(name: str, path: str, offline: Offline) -> FeatureView:
    """The view of VECTORS with this name over the vectors at ``path``. Raises KeyError for another name."""
    return _view(name, VECTORS[name], [Field(name=VECTOR, dtype=Array(Float32))], path, offline)


def views(paths: Mapping[str, str], offline: Offline) -> list[FeatureView]:
    """A view for each name in ``paths`` (name → where its Parquet files are)."""
    return [
        daily_view(name, path, offline) if name in DAILY else vector_view(name, path, offline)
        for name, path in paths.items()
    ]


def feature_names(view: str) -> list[str]:
    """``view:feature`` for every feature of a daily view, in the order of declaration."""
    return [f"{view}:{feature.name}" for feature in DAILY[view][1]]
