"""Our bytes are Feast's bytes: what either writes the other reads, for every type and view in use."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from contracts.events import ACTION_CODES, Action
from feature_repo import activity, seen
from feature_repo.activity import Happening
from feature_repo.online import (
    ITEM_DAILY,
    ITEM_VECTOR,
    USER_ACTIVITY,
    USER_DAILY,
    USER_SEEN,
    USER_VECTOR,
    VIEWS,
    FieldType,
    OnlineView,
    Value,
)
from feature_repo.redis_items import read_items_daily
from feature_repo.redis_layout import decode_value, encode_value, encode_version
from feature_repo.redis_reader import read_user
from feature_repo.redis_writer import write_rows
from feature_repo.sources import Offline

VERSION = 1_764_000_000_123_456
PROJECT = "contract"


def rows() -> dict[str, tuple[OnlineView, dict[str, str], dict[str, Value]]]:
    state, met = activity.INITIAL, seen.INITIAL
    for n in range(150):
        happening = Happening(VERSION // 1000 + n * 1000, (n * 7919) << 40, f"ü{n}", n % 3 + 1, 5, n)
        state, met = activity.fold(state, happening), seen.fold(met, happening)
    daily: dict[str, Value] = {name: 1.5 * i for i, name in enumerate(USER_DAILY.field_names)}
    item: dict[str, Value] = {name: 0.25 * i for i, name in enumerate(ITEM_DAILY.field_names)}
    user, release = {"user_id": "user ☃ 1"}, {"release": "r0123456789ab"}
    vector = np.linspace(-1, 1, 128, dtype=np.float32)
    return {
        "user_activity": (USER_ACTIVITY, user, activity.to_features(state)),
        "user_seen": (USER_SEEN, user, seen.to_features(met)),
        "user_daily": (USER_DAILY, user, daily),
        "user_vector": (USER_VECTOR, user | release, {"user_vector": vector}),
        "item_daily": (ITEM_DAILY, {"item_id": "42"}, item),
        "item_vector": (ITEM_VECTOR, {"item_id": "42"} | release, {"item_vector": vector}),
    }


@pytest.fixture(scope="module")
def feast_store(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Feast repository with our views on the session's Redis."""
    from feast import FeatureStore, RepoConfig

    from feature_repo.entities import ENTITIES
    from feature_repo.views import feature_view

    folder: Path = tmp_path_factory.mktemp("feast")
    address = redis_url.removeprefix("redis://").removesuffix("/0")
    config = RepoConfig(
        project=PROJECT,
        provider="local",
        registry=str(folder / "registry.db"),
        online_store={"type": "redis", "connection_string": address},
        offline_store={"type": "duckdb"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    views = [feature_view(name, str(folder / name), Offline.DUCKDB) for name in VIEWS]
    store.apply([*ENTITIES.values(), *views])
    return store


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_feast_reads_what_we_write(feast_store: Any, redis_url: str, name: str) -> None:
    view, entity, values = rows()[name]
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        assert write_rows(client, view, [(entity, values, VERSION)], project=PROJECT) == 1
    wanted = [f"{view.name}:{field}" for field in view.field_names]
    answer = feast_store.get_online_features(features=wanted, entity_rows=[entity])
    found = answer.to_dict(include_event_timestamps=True)
    for field in view.field_names:
        assert np.array_equal(np.asarray(found[field][0]), np.asarray(values[field])), field
        assert found[f"{field}__ts"][0] == VERSION // 1_000_000


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_we_write_byte_for_byte_what_feast_writes(feast_store: Any, redis_url: str, name: str) -> None:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value as FeastValue
    from feast.type_map import python_values_to_proto_values

    view, entity, values = rows()[name]
    feature_view = feast_store.get_feature_view(view.name)
    kinds = {field.name: field.dtype for field in feature_view.features}
    protos = {
        field: python_values_to_proto_values([np.asarray(value) if isinstance(value, list) else value], kind)[0]
        for field, value in values.items()
        for kind in [kinds[field].to_value_type()]
    }
    key = EntityKey(join_keys=list(entity), entity_values=[FeastValue(string_val=v) for v in entity.values()])
    moment = datetime.fromtimestamp(VERSION // 1_000_000, UTC) + timedelta(microseconds=VERSION % 1_000_000)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        feast_store._get_provider().online_write_batch(
            feast_store.config, feature_view, [(key, protos, moment, None)], None
        )
        theirs = {k: client.hgetall(k) for k in client.scan_iter()}
        client.flushall()
        write_rows(client, view, [(entity, values, VERSION)], project=PROJECT)
        ours = {k: client.hgetall(k) for k in client.scan_iter()}
    assert ours == theirs


def test_the_reader_returns_what_was_written_in_one_round_trip(redis_url: str) -> None:
    everything = rows()
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        for view, entity, values in everything.values():
            write_rows(client, view, [(entity, values, VERSION)], project=PROJECT)
        before = client.info("stats")["total_reads_processed"]
        row = read_user(client, "user ☃ 1", ["r0123456789ab", "rffffffffffff"], project=PROJECT)
        after = client.info("stats")["total_reads_processed"]
        versions, daily = read_items_daily(client, ["42", "none"], ITEM_DAILY.field_names, project=PROJECT)
    assert after - before <= 2  # one read by us, one by INFO
    assert activity.to_features(row.activity) == everything["user_activity"][2]
    assert seen.to_features(row.seen) == everything["user_seen"][2]
    assert row.daily == everything["user_daily"][2]
    assert set(row.vectors) == {"r0123456789ab"}
    assert not row.stale_vector("r0123456789ab")
    assert row.stale_vector("rffffffffffff")
    assert row.version == row.daily_version == VERSION
    newest = row.activity.acts[-1].time_ms / 1000
    assert row.age_seconds(newest + 4) == pytest.approx(4, abs=0.002)
    assert row.age_seconds(newest) == 0
    assert versions.tolist() == [VERSION, 0]
    assert daily[0].tolist() == list(everything["item_daily"][2].values())
    assert np.isnan(daily[1]).all()


def test_an_unknown_user_has_an_empty_row(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        row = read_user(client, "nobody", ["r0123456789ab"], project=PROJECT)
    assert not row.known
    assert row.age_seconds(1e9) is None
    assert row.activity == activity.INITIAL
    assert row.vectors == {}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.STRING, ""),
        (FieldType.INT64, -(2**63)),
        (FieldType.INT64, 0),
        (FieldType.FLOAT32, -0.5),
        (FieldType.STRING_LIST, []),
        (FieldType.INT64_LIST, [0, -1, 2**62]),
    ],
)
def test_edge_values_survive(kind: FieldType, value: Value) -> None:
    assert decode_value(kind, encode_value(kind, value)) == value


def test_float_lists_of_every_length_survive() -> None:
    for n in (0, 1, 31, 32, 5000):
        vector = np.arange(n, dtype=np.float32)
        assert np.array_equal(
            decode_value(FieldType.FLOAT32_LIST, encode_value(FieldType.FLOAT32_LIST, vector)), vector
        )


def test_a_version_keeps_its_microsecond_as_feasts_timestamp() -> None:
    from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]

    moment = Timestamp.FromString(encode_version(VERSION))
    assert (moment.seconds, moment.nanos) == (1_764_000_000, 123_456_000)


def test_codes_of_actions_are_those_of_the_contract() -> None:
    happening = Happening(0, 0, "i", ACTION_CODES[Action.PURCHASE])
    assert activity.counters(activity.fold(activity.INITIAL, happening))["purchases_24h"] == 1.0
