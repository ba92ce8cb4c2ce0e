"""One request through real HTTP, Redis, Kafka, PostgreSQL and the model server."""

import json
import re
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import redis as redis_library
from kafka import KafkaConsumer

from contracts.events import Event
from feature_repo.activity import INITIAL as NO_ACTIVITY
from feature_repo.activity import Happening
from feature_repo.activity import fold as fold_activity
from feature_repo.activity import to_features as activity_features
from feature_repo.erased import erased_until
from feature_repo.online import PROJECT, USER_ACTIVITY, USER_SEEN, USER_VECTOR
from feature_repo.redis_layout import encode_entity_key, encode_row
from feature_repo.redis_writer import write_rows
from feature_repo.seen import INITIAL as NOTHING_SEEN
from feature_repo.seen import fold as fold_seen
from feature_repo.seen import to_features as seen_features
from tests.serving.conftest import FIRST, WithChanges
from tests.serving.running import RunningGateway
from tests.serving.toy_release import SIZE

Acted = Callable[..., None]


@pytest.fixture
def acted(redis_url: str) -> Acted:
    """Writes a user's clicks into the online store as the consumer does."""

    def write(user_id: str, items: list[str], age_seconds: float = 1.0, written: float | None = None) -> None:
        activity, seen = NO_ACTIVITY, NOTHING_SEEN
        now = time.time() - age_seconds
        for at, item in enumerate(items):
            event = Event(
                event_id=f"{user_id}-{at}",
                user_id=user_id,
                item_id=item,
                action="click",
                timestamp=now - len(items) + at,
                received_at=now,
            )
            activity, seen = fold_activity(activity, Happening.of(event)), fold_seen(seen, Happening.of(event))
        version = int((written or now) * 1e6)
        row: Any = encode_row(USER_ACTIVITY, activity_features(activity), version)
        row |= encode_row(USER_SEEN, seen_features(seen), version)
        with redis_library.Redis.from_url(redis_url) as client:
            client.hset(encode_entity_key(PROJECT, {"user_id": user_id}), mapping=row)

    return write


def test_an_unknown_user_gets_popular_and_trending_items(gateway: RunningGateway) -> None:
    answer = gateway.get("/v1/recommendations", params={"user_id": "nobody", "count": 10})
    assert answer.status_code == 200
    content = answer.json()
    assert len(content["items"]) == 10
    assert content["features"] == {"user_age_seconds": None, "state": "missing"}
    assert content["degraded"] == []
    assert content["experiment"] is None
    assert [item["position"] for item in content["items"]] == list(range(1, 11))
    assert {source for item in content["items"] for source in item["sources"]} >= {"popular", "trending"}
    assert all(item["reasons"] for item in content["items"])
    assert answer.headers["x-request-id"] == content["request_id"]
    timing = answer.headers["server-timing"]
    for stage in ("user_row", "arm", "candidates", "filter", "rank", "rules", "total"):
        assert re.search(rf"\b{stage};dur=[\d.]+", timing)
    assert int(answer.headers["ratelimit-limit"]) > 0


def test_a_user_who_acted_gets_neighbours_and_nothing_seen(gateway: RunningGateway, acted: Acted) -> None:
    acted("reader", ["i1", "i5", "i9"])
    content = gateway.recommend("reader", count=50)
    assert content["features"]["state"] == "fresh"
    assert 0 <= content["features"]["user_age_seconds"] < 60
    assert not {"i1", "i5", "i9"} & {item["item_id"] for item in content["items"]}
    assert any("two_tower" in item["sources"] for item in content["items"])
    assert content["degraded"] == []


def test_without_the_model_server_a_user_who_clicked_since_is_found_by_the_vector_of_before(
    with_changes: WithChanges, acted: Acted, redis_url: str
) -> None:
    acted("clicked-since", ["i1", "i5"])
    vector = {"user_vector": [1.0] * SIZE}
    with redis_library.Redis.from_url(redis_url) as client:
        entity = {"user_id": "clicked-since", "release": FIRST}
        write_rows(client, USER_VECTOR, [(entity, vector, int((time.time() - 60) * 1e6))])
    with with_changes(model_server="127.0.0.1:9") as alone:
        content = alone.recommend("clicked-since", count=50)
        assert content["degraded"] == ["user_vector", "rank"]
        assert any("two_tower" in item["sources"] for item in content["items"])
        unknown = alone.recommend("nobody", count=50)
    assert not any("two_tower" in item["sources"] for item in unknown["items"])


def test_an_old_row_is_stale(gateway: RunningGateway, acted: Acted) -> None:
    acted("returned", ["i1"], age_seconds=30 * 86400)
    assert gateway.recommend("returned")["features"]["state"] == "stale"


def test_old_actions_are_stale_though_somebody_has_just_written_them(gateway: RunningGateway, acted: Acted) -> None:
    acted("imported", ["i1"], age_seconds=30 * 86400, written=time.time())
    features = gateway.recommend("imported")["features"]
    assert features["state"] == "stale"
    assert features["user_age_seconds"] == pytest.approx(30 * 86400, abs=60)


def test_category_and_exclude_are_kept(gateway: RunningGateway) -> None:
    content = gateway.recommend("nobody", category="comedy", count=20, exclude=["i0", "i4"])
    rows = [int(item["item_id"][1:]) for item in content["items"]]
    assert rows
    assert all(row % 4 == 0 for row in rows)
    assert not {0, 4} & set(rows)


def test_ranking_a_list_keeps_every_item_and_puts_unknown_ones_last(gateway: RunningGateway, acted: Acted) -> None:
    acted("ranker", ["i3"])
    asked = ["i10", "never-heard-of", "i11", "i12", "i3"]
    answer = gateway.post("/v1/rank", json={"user_id": "ranker", "items": asked})
    assert answer.status_code == 200
    ids = [item["item_id"] for item in answer.json()["items"]]
    assert sorted(ids) == sorted(asked)
    assert ids[-1] == "never-heard-of"


def test_similar_items_leave_the_item_out(gateway: RunningGateway) -> None:
    content = gateway.get("/v1/items/i7/similar", params={"count": 12}).json()
    ids = [item["item_id"] for item in content["items"]]
    assert len(set(ids)) == 12
    assert "i7" not in ids
    assert content["user_id"] is None
    assert gateway.get("/v1/items/none/similar").status_code == 404


def test_explain_shows_stages_removals_and_ages(gateway: RunningGateway, acted: Acted) -> None:
    acted("curious", ["i1", "i2"])
    content = gateway.get("/v1/recommendations/explain", params={"user_id": "curious"}).json()
    assert [act["item_id"] for act in content["user"]["last_actions"]] == ["i2", "i1"]
    assert content["user"]["last_actions"][0]["action"] == "click"
    assert content["user"]["age_seconds"] >= 0
    stages = {stage["stage"]: stage for stage in content["stages"]}
    assert list(stages)[:3] == ["user_row", "arm", "user_vector"]
    removed = {one["item_id"] for stage in content["stages"] for one in stage["removed"] if one["reason"] == "seen"}
    assert removed == {"i1", "i2"}
    assert content["items"][0]["features"]


def test_explain_counts_what_it_does_not_list(
    gateway: RunningGateway, acted: Acted, monkeypatch: pytest.MonkeyPatch
) -> None:
    acted("curious", ["i1", "i2"])
    monkeypatch.setattr("serving.gateway.routes.explain.LISTED", 1)
    content = gateway.get("/v1/recommendations/explain", params={"user_id": "curious"}).json()
    (seen,) = [stage for stage in content["stages"] if any(one["reason"] == "seen" for one in stage["removed"])]
    assert len(seen["removed"]) == 1
    assert seen["removed_count"] == 2


def test_impressions_arrive_with_the_features_that_ranked(
    gateway: RunningGateway, kafka_bootstrap: str, module_prefix: str
) -> None:
    content = gateway.recommend("shown", count=3, surface="home")
    consumer = KafkaConsumer(
        f"{module_prefix}impressions",
        bootstrap_servers=kafka_bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=8000,
    )
    rows = []
    for record in consumer:
        row = json.loads(record.value)
        if row["request_id"] == content["request_id"]:
            rows.append(row)
        if len(rows) == 3:
            break
    consumer.close()
    assert [row["item_id"] for row in rows] == [item["item_id"] for item in content["items"]]
    assert [row["position"] for row in rows] == [1, 2, 3]
    assert {row["surface"] for row in rows} == {"home"}
    assert {row["release"] for row in rows} == {content["release"]}
    assert all(len(row["features"]) > 10 for row in rows)
    assert all(row["sources"] for row in rows)


def test_an_acknowledged_event_is_in_kafka(gateway: RunningGateway, kafka_bootstrap: str, module_prefix: str) -> None:
    sent = [{"user_id": "u", "item_id": f"new{i}", "action": "view", "event_id": f"e{i}"} for i in range(20)]
    answer = gateway.post("/v1/events", json=sent)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 20, "event_ids": [f"e{i}" for i in range(20)]}
    consumer = KafkaConsumer(
        f"{module_prefix}events",
        bootstrap_servers=kafka_bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=10_000,
    )
    found = (json.loads(record.value) for record in consumer)
    ours = list(islice((event for event in found if event["user_id"] == "u"), 20))
    consumer.close()
    assert [event["event_id"] for event in ours] == [f"e{i}" for i in range(20)]
    assert {event["client_id"] for event in ours} == {"tester"}


def test_a_new_item_is_recommended_at_once_and_a_deleted_one_never_again(gateway: RunningGateway, acted: Acted) -> None:
    answer = gateway.put("/v1/items/brand-new", json={"category": ["sport"], "title": "Brand new"})
    assert answer.status_code == 201
    assert "brand-new" in {i["item_id"] for i in gateway.recommend("nobody", count=100, category="sport")["items"]}
    assert gateway.get("/v1/items/brand-new/similar").status_code == 200
    acted("sporty", ["i3", "i7"])
    explained = gateway.get("/v1/recommendations/explain", params={"user_id": "sporty", "count": 100}).json()
    assert explained["degraded"] == []
    assert gateway.delete("/v1/items/brand-new").status_code == 204
    assert gateway.delete("/v1/items/i50").status_code == 204
    shown = {i["item_id"] for i in gateway.recommend("nobody", count=100)["items"]}
    assert not {"brand-new", "i50"} & shown
    assert gateway.delete("/v1/items/brand-new").status_code == 404
    assert gateway.put("/v1/items/i50", json={}).status_code == 201
    assert "i50" in {i["item_id"] for i in gateway.recommend("nobody", count=100)["items"]}


def test_putting_a_known_item_changes_how_it_is_called_and_where_it_belongs(gateway: RunningGateway) -> None:
    answer = gateway.put("/v1/items/i60", json={"category": ["sport", "opera"], "title": "Sixty"})
    assert answer.status_code == 200
    assert "i60" in {i["item_id"] for i in gateway.recommend("nobody", count=100, category="sport")["items"]}
    assert [i["item_id"] for i in gateway.recommend("nobody", category="opera")["items"]][:1] == ["i60"]
    assert "i60" not in {i["item_id"] for i in gateway.recommend("nobody", count=100, category="comedy")["items"]}
    similar = gateway.get("/v1/items/i60/similar").json()
    assert {reason for item in similar["items"] for reason in item["reasons"]} == {"like Sixty"}


def test_an_erased_user_is_unknown_at_once(gateway: RunningGateway, acted: Acted) -> None:
    acted("leaver", ["i1"])
    assert gateway.recommend("leaver")["features"]["state"] == "fresh"
    answer = gateway.delete("/v1/users/leaver")
    assert answer.status_code == 202
    assert answer.json()["online_keys"] == 1
    assert "leaver" not in answer.text
    assert gateway.recommend("leaver")["features"]["state"] == "missing"
    assert gateway.get("/v1/users/leaver/erasure").json()["state"] == "requested"
    assert gateway.get("/v1/users/somebody/erasure").status_code == 404
    assert erased_until(gateway.gateway.redis, ["leaver"]).keys() == {"leaver"}


def test_the_candidates_of_each_source_are_counted_not_the_items_answered(gateway: RunningGateway) -> None:
    def counted() -> float:
        lines = gateway.client.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith('headwater_candidates_total{source="p'))

    before = counted()
    gateway.recommend("nobody", count=1)
    assert counted() - before > 10


def test_metrics_and_health_need_no_token(gateway: RunningGateway) -> None:
    assert gateway.client.get("/healthz").status_code == 200
    ready = gateway.client.get("/readyz").json()
    assert ready["status"] == "ready"
    assert ready["down"] == []
    text = gateway.client.get("/metrics").text
    for name in ("requests_total", "request_seconds_bucket", "stage_seconds_bucket", "user_rows_total", "release_info"):
        assert f"headwater_{name}" in text
