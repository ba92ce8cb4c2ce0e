"""No feature is later than its label: Feast's join against an as-of join by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.daily_views import DAILY
from feature_repo.sources import Offline
from training.training_set.point_in_time import training_set

START = datetime(2026, 3, 1, tzinfo=UTC)
MOMENT = pa.timestamp("us", tz="UTC")


def _snapshots(seed: int, entity: str, features: list[str]) -> pd.DataFrame:
    """Random rows at ends of days; every value is the number of its day, so that a leak shows as a larger number."""
    chance = np.random.default_rng(seed)
    pairs = sorted({(f"{entity}{chance.integers(6)}", int(chance.integers(1, 40))) for _ in range(60)})
    rows = pd.DataFrame(pairs, columns=[entity, "number"])
    rows["event_timestamp"] = [START + timedelta(days=number) for number in rows["number"]]
    for feature in features:
        rows[feature] = rows["number"].astype("float32")
    return rows.drop(columns="number")


def _write(rows: pd.DataFrame, folder: Path) -> str:
    folder.mkdir(parents=True)
    table = pa.Table.from_pandas(rows, preserve_index=False)
    types = {"event_timestamp": MOMENT, rows.columns[0]: pa.string()}
    schema = pa.schema([(name, types.get(name, pa.float32())) for name in table.column_names])
    pq.write_table(table.cast(schema), folder / "part.parquet")
    return str(folder / "*.parquet")


def _labels(seed: int) -> pa.Table:
    """Moments at, just before, just after and between the ends of days, of entities known and unknown."""
    chance = np.random.default_rng(seed)
    offsets = chance.choice([0.0, -1e-6, 1e-6, 3600.0, 86399.999999], 300)
    moments = [START + timedelta(days=int(chance.integers(-2, 45)), seconds=float(s)) for s in offsets]
    return pa.table(
        {
            "user_id": [f"user_id{chance.integers(7)}" for _ in range(300)],
            "item_id": [f"item_id{chance.integers(7)}" for _ in range(300)],
            "timestamp": pa.array(moments, MOMENT),
            "label": pa.array(chance.integers(0, 2, 300), pa.int32()),
        }
    )


def _as_of(labels: pa.Table, rows: pd.DataFrame, entity: str, feature: str) -> Any:
    left = labels.to_pandas().reset_index().sort_values("timestamp")
    rows = rows.assign(event_timestamp=rows["event_timestamp"].astype(left["timestamp"].dtype))
    joined = pd.merge_asof(
        left, rows.sort_values("event_timestamp"), left_on="timestamp", right_on="event_timestamp", by=entity
    )
    return joined.set_index("index").sort_index()[feature].fillna(0.0).to_numpy("float32")


@pytest.mark.parametrize("seed", [1, 2])
def test_no_feature_is_later_than_its_label(seed: int, tmp_path: Path) -> None:
    labels = _labels(seed)
    rows, paths = {}, {}
    for name, (entity, features) in DAILY.items():
        rows[name] = _snapshots(seed + 10, entity, [feature.name for feature in features])
        paths[name] = _write(rows[name], tmp_path / name)
    joined = training_set(labels, paths, tmp_path / "registry.db", Offline.DUCKDB, None)

    assert joined.select(labels.column_names).equals(labels)
    moments = joined["timestamp"].to_numpy()
    for name, (entity, features) in DAILY.items():
        for feature in features:
            values = joined[feature.name].to_numpy()
            np.testing.assert_array_equal(values, _as_of(labels, rows[name], entity, feature.name))
            known = np.datetime64(START.replace(tzinfo=None), "us") + values.astype("int64").astype("timedelta64[D]")
            assert (known <= moments)[values > 0].all()
            assert (values > 0).any()


def test_a_view_without_rows_gives_zeros(tmp_path: Path) -> None:
    labels = _labels(1)
    paths = {
        name: _write(_snapshots(1, entity, [feature.name for feature in features]).head(0), tmp_path / name)
        for name, (entity, features) in DAILY.items()
    }
    joined = training_set(labels, paths, tmp_path / "registry.db", Offline.DUCKDB, None)
    assert len(joined) == len(labels)
    assert all(not joined[feature.name].to_numpy().any() for _, features in DAILY.values() for feature in features)


def test_no_labels_give_no_rows_but_every_column(tmp_path: Path) -> None:
    joined = training_set(_labels(1).slice(0, 0), {}, tmp_path / "registry.db", Offline.DUCKDB, None)
    assert len(joined) == 0
    assert {feature.name for _, features in DAILY.values() for feature in features} <= set(joined.column_names)
