"""The Feast views of every declaration in ``feature_repo.online``, over Parquet files."""

from collections.abc import Mapping
from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Array, Float32, Int64, String

from feature_repo.daily import TIME_TO_LIVE
from feature_repo.daily_views import DAILY, VERSIONS
from feature_repo.entities import ENTITIES
from feature_repo.online import VIEWS, FieldType
from feature_repo.sources import Offline, parquet_source

_TYPES = {
    FieldType.STRING: String,
    FieldType.INT64: Int64,
    FieldType.FLOAT32: Float32,
    FieldType.STRING_LIST: Array(String),
    FieldType.INT64_LIST: Array(Int64),
    FieldType.FLOAT32_LIST: Array(Float32),
}

FOR_EVER = timedelta(0)
"""Feast's word for it. Of views that are not daily only the newest row of an entity says anything."""


def feature_view(name: str, path: str, offline: Offline) -> FeatureView:
    """The view of this name over the Parquet files at ``path``. Raises KeyError for a name that is not declared."""
    declared = VIEWS[name]
    fields = [
        Field(
            name=field.name,
            dtype=_TYPES[field.type],
            description=field.meaning,
            tags={"version": str(VERSIONS[field.name])} if field.name in VERSIONS else {},
        )
        for field in declared.fields
    ]
    return FeatureView(
        name=name,
        entities=[ENTITIES[key] for key in declared.join_keys],
        schema=fields,
        ttl=TIME_TO_LIVE if name in DAILY else FOR_EVER,
        source=parquet_source(f"{name}_source", path, offline),
    )


def views(paths: Mapping[str, str], offline: Offline) -> list[FeatureView]:
    """A view for each name in ``paths`` (name → where its Parquet files are)."""
    return [feature_view(name, path, offline) for name, path in paths.items()]
