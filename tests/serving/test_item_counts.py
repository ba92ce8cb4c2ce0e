"""Item features follow the feature store within five seconds, and outlive it."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from feature_repo.online import ITEM_DAILY
from feature_repo.redis_writer import write_rows
from pipeline.artifacts import Artifacts
from pipeline.items import Items
from pipeline.stages.ranking import STALE_SECONDS
from serving.gateway.item_counts import SLICE, ItemCounts
from serving.gateway.new_item_vectors import CategoryMeans
from serving.gateway.release_loading import LoadedRelease
from stack.preflight import free_ports
from stack.process import running
from stack.servers.redis import redis_server
from tests.serving.conftest import FIRST, WithChanges
from tests.serving.running import RunningGateway, wait_until
from tests.serving.toy_release import DATA_TO, ITEMS, manifest, write_items

END = int(DATA_TO.timestamp() * 1e6)
DAY = 86_400_000_000
REFRESH_SECONDS = 5.0


def write(client: "redis.Redis[bytes]", item_id: str, actions: float, version: int = END + DAY) -> None:
    values = dict.fromkeys(ITEM_DAILY.field_names, actions)
    assert write_rows(client, ITEM_DAILY, [({"item_id": item_id}, values, version)]) == 1


@pytest.fixture
def client(clean_redis: str) -> "Iterator[redis.Redis[bytes]]":
    with redis.Redis.from_url(clean_redis) as one:
        yield one


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedRelease:
    directory = tmp_path_factory.mktemp("release")
    write_items(directory)
    artifacts = Artifacts.load(directory)
    return LoadedRelease(manifest(FIRST), artifacts, None, None, {}, CategoryMeans(artifacts))


@pytest.fixture
def counts(client: "redis.Redis[bytes]") -> Iterator[ItemCounts]:
    one = ItemCounts(client, time.time)
    yield one
    one.close()


def count_of(counts: ItemCounts, loaded: LoadedRelease, item_id: str) -> float:
    items: Items = counts.over(FIRST, loaded.artifacts.items)
    row = items.ids.row(item_id)
    assert items.popular[row] == items.count[row]
    return float(items.count[row])


def test_what_was_counted_after_the_release_replaces_its_own_counts(
    client: "redis.Redis[bytes]", counts: ItemCounts, loaded: LoadedRelease
) -> None:
    releases = {FIRST: loaded}
    write(client, "i3", 1000, END)
    assert counts.read(releases)
    assert count_of(counts, loaded, "i3") == ITEMS - 3
    assert not counts.read(releases)
    write(client, "i3", 2000)
    write(client, "unknown to the release", 1)
    assert counts.read(releases)
    assert count_of(counts, loaded, "i3") == 2000
    assert count_of(counts, loaded, "i4") == ITEMS - 4
    client.flushall()
    assert counts.read(releases)
    assert count_of(counts, loaded, "i3") == ITEMS - 3


def test_only_rows_that_changed_are_read_again(
    client: "redis.Redis[bytes]", counts: ItemCounts, loaded: LoadedRelease
) -> None:
    def reads() -> int:
        return int(client.info("commandstats").get("cmdstat_hmget", {"calls": 0})["calls"])

    begun = reads()
    counts.read({FIRST: loaded})
    assert reads() - begun == ITEMS < SLICE
    write(client, "i5", 10)
    write(client, "i6", 10)
    counts.read({FIRST: loaded})
    counts.read({FIRST: loaded})
    assert reads() - begun == ITEMS + 2


def test_a_lost_connection_misses_no_change(
    client: "redis.Redis[bytes]", counts: ItemCounts, loaded: LoadedRelease
) -> None:
    releases = {FIRST: loaded}
    counts.read(releases)
    before = counts.read_at
    client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    write(client, "i7", 77)
    assert not counts.read(releases)
    assert counts.read_at == before
    assert counts.read(releases)
    assert count_of(counts, loaded, "i7") == 77


def test_a_request_ranks_with_what_feast_holds_within_five_seconds(
    with_changes: WithChanges, client: "redis.Redis[bytes]"
) -> None:
    with with_changes(refresh_seconds=REFRESH_SECONDS) as gateway:
        first = explained(gateway)["items"][0]
        write(client, first["item_id"], 123_456, int(time.time() * 1e6))

        def ranked() -> float:
            return float(features_of(gateway, first["item_id"])["popularity"])

        wait_until(lambda: ranked() == pytest.approx(math.log(1 + 123_456)), REFRESH_SECONDS)
        assert features_of(gateway, first["item_id"])["popularity_28d"] == pytest.approx(math.log(1 + 123_456))


def test_without_redis_the_last_counts_rank_and_their_age_is_told(with_changes: WithChanges, tmp_path: Path) -> None:
    shift = [0.0]
    (port,) = free_ports("127.0.0.1", 1)
    server, url = redis_server(tmp_path, "127.0.0.1", port), f"redis://127.0.0.1:{port}/0"
    with ExitStack() as first, ExitStack() as rest:
        process = first.enter_context(running(server, tmp_path / "logs"))
        gateway = rest.enter_context(
            with_changes(redis_url=url, request_deadline_ms=5000, clock=lambda: time.time() + shift[0])
        )
        item_id = explained(gateway)["items"][0]["item_id"]
        with redis.Redis.from_url(url) as client:
            write(client, item_id, 50_000)
        counted = pytest.approx(math.log(1 + 50_000))
        wait_until(lambda: features_of(gateway, item_id)["popularity"] == counted)
        process.kill()
        first.close()
        assert "item_features" not in explained(gateway)["degraded"]
        shift[0] += STALE_SECONDS + 1
        told = explained(gateway)
        assert "item_features" in told["degraded"]
        assert told["stages"][5]["note"].endswith("s ago")
        assert features_of(gateway, item_id)["popularity"] == counted
        wait_until(lambda: metric(gateway, "headwater_item_features_age_seconds") > STALE_SECONDS)
        assert metric(gateway, 'headwater_degraded_total{stage="item_features"}') >= 2
        with running(server, tmp_path / "logs"):
            wait_until(lambda: explained(gateway)["degraded"] == [], 60)
            assert metric(gateway, "headwater_item_features_age_seconds") < STALE_SECONDS


def explained(gateway: RunningGateway) -> dict[str, Any]:
    answer = gateway.get("/v1/recommendations/explain", params={"user_id": "nobody", "count": 100})
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def features_of(gateway: RunningGateway, item_id: str) -> dict[str, float]:
    return next(dict(item["features"]) for item in explained(gateway)["items"] if item["item_id"] == item_id)


def metric(gateway: RunningGateway, name: str) -> float:
    lines = gateway.client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
