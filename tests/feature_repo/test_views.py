"""Feast's views say what feature_repo.online declares."""

from pathlib import Path

import pytest

from feature_repo.daily import feature_set
from feature_repo.daily_views import DAILY, VERSIONS, feature_names
from feature_repo.online import VIEWS
from feature_repo.sources import Offline
from feature_repo.store import feature_store
from feature_repo.views import feature_view


@pytest.mark.parametrize("name", VIEWS)
def test_every_declared_view_has_its_fields_and_join_keys_in_feast(name: str, tmp_path: Path) -> None:
    view = feature_view(name, str(tmp_path / "part.parquet"), Offline.DUCKDB)
    assert [field.name for field in view.features] == list(VIEWS[name].field_names)
    assert [entity.removesuffix("_id") for entity in view.entities] == [
        key.removesuffix("_id") for key in VIEWS[name].join_keys
    ]


def test_daily_features_carry_their_version(tmp_path: Path) -> None:
    for name in DAILY:
        view = feature_view(name, str(tmp_path / "part.parquet"), Offline.DUCKDB)
        assert {field.name: int(field.tags["version"]) for field in view.features} == {
            feature.split(":")[1]: VERSIONS[feature.split(":")[1]] for feature in feature_names(name)
        }


def test_a_feature_set_changes_with_a_version_or_the_order() -> None:
    assert feature_set({"a": 1, "b": 1}) == feature_set({"a": 1, "b": 1})
    assert len({feature_set(one) for one in ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"b": 1, "a": 1})}) == 3


def test_a_store_applies_the_views_to_its_registry(tmp_path: Path) -> None:
    paths = {name: str(tmp_path / f"{name}.parquet") for name in DAILY}
    with feature_store(tmp_path / "registry.db", paths, Offline.DUCKDB) as store:
        assert {view.name for view in store.list_feature_views()} == set(DAILY)


def test_a_view_that_is_not_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        feature_view("nothing", str(tmp_path), Offline.DUCKDB)
