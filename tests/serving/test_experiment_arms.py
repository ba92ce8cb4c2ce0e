"""Forced arms, interleaved lists and slots that explore, through real HTTP and Kafka."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaConsumer

from contracts.errors import UnavailableError
from contracts.experiment import Arm, Experiment, RunningExperiment, Status
from pipeline.chain import recommendation_chain
from pipeline.request import Request, UserRow
from serving.auth.scopes import RECOMMENDATIONS_READ
from serving.gateway.arms import RunningArms
from serving.gateway.exploration import POOL
from tests.pipeline.small_release import OneRow, artifacts_of, release_of
from tests.serving.conftest import WithChanges
from tests.serving.running import RunningGateway, wait_until

ARMS = (Arm(name="control", share=0.5), Arm(name="variant", share=0.5, settings={"ranker": "none"}))


def logged(
    bootstrap: str, prefix: str, requests: set[str], rows: int, topic: str = "impressions"
) -> list[dict[str, Any]]:
    """``rows`` rows of the requests as the topic has them, in order of position."""
    consumer = KafkaConsumer(
        f"{prefix}{topic}", bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    found: list[dict[str, Any]] = []
    for record in consumer:
        row = json.loads(record.value)
        found += [row] if row["request_id"] in requests else []
        if len(found) == rows:
            break
    consumer.close()
    return sorted(found, key=lambda row: (row["request_id"], row.get("position")))


@pytest.fixture
def begun(gateway: RunningGateway) -> Iterator[Any]:
    """Starts an experiment and stops it after the test."""
    started = []

    def begin(kind: str, **fields: Any) -> str:
        name = f"{kind}-{uuid.uuid4().hex[:8]}"
        declared = Experiment.model_validate({"id": name, "kind": kind, "arms": ARMS, **fields})
        assert gateway.post("/v1/experiments", json=declared.model_dump(mode="json")).status_code == 201
        assert gateway.post(f"/v1/experiments/{name}/start").status_code == 200
        started.append(name)
        wait_until(lambda: (gateway.recommend("anybody")["experiment"] or {}).get("id") == name)
        return name

    yield begin
    for name in started:
        assert gateway.post(f"/v1/experiments/{name}/stop").status_code == 200
        wait_until(lambda: gateway.recommend("anybody")["experiment"] is None)


def test_a_user_whose_row_could_not_be_read_is_in_no_experiment_for_some_users() -> None:
    def running(name: str, *segments: str) -> RunningExperiment:
        return RunningExperiment(experiment=Experiment(id=name, arms=ARMS, segments=segments), status=Status.RUNNING)

    served = release_of(artifacts_of(20))
    experiments = [running("newcomers", "new"), running("regulars", "known"), running("everybody")]
    keys = [(one.experiment.id, arm.name) for one in experiments for arm in ARMS]
    arms = RunningArms(served, experiments, dict.fromkeys(keys, served))

    def of(row: UserRow) -> str | None:
        return arms.assign(Request("q", "u", 0.0), row).experiment

    assert of(UserRow("u")) == "newcomers"
    assert of(UserRow("u", state="stale")) == "regulars"
    outage = recommendation_chain(OneRow(UserRow("u"), UnavailableError("redis", "down")), arms, deadline=5.0)
    assert outage.run(Request("q", "u", 0.0)).experiment == "everybody"


def test_a_forced_arm_needs_a_scope_and_is_logged_outside_the_experiment(
    gateway: RunningGateway, begun: Any, kafka_bootstrap: str, module_prefix: str
) -> None:
    name = begun("split")
    for arm in ("control", "variant"):
        forced = gateway.client.get(
            "/v1/recommendations",
            params={"user_id": "tester", "count": 3},
            headers=gateway.headers() | {"X-Force-Arm": f"{name}={arm}"},
        )
        assert forced.json()["experiment"] == {"id": name, "arm": arm}
        assert forced.headers["x-experiment"] == f"{name}={arm}"
        rows = logged(kafka_bootstrap, module_prefix, {forced.json()["request_id"]}, 3)
        assert [(row.get("experiment"), row.get("arm")) for row in rows] == [(None, None)] * 3
        assert all(row["latency_ms"] > 0 and row["degraded"] is False for row in rows)
    for headers, status in (
        (gateway.headers(RECOMMENDATIONS_READ) | {"X-Force-Arm": f"{name}=variant"}, 403),
        (gateway.headers() | {"X-Force-Arm": f"{name}=other"}, 422),
        (gateway.headers() | {"X-Force-Arm": "variant"}, 422),
    ):
        answer = gateway.client.get("/v1/recommendations", params={"user_id": "tester"}, headers=headers)
        assert answer.status_code == status
        assert "X-Force-Arm" in answer.json()["detail"]


def test_an_interleaved_list_holds_both_rankings_and_logs_who_placed_what(
    gateway: RunningGateway, begun: Any, kafka_bootstrap: str, module_prefix: str
) -> None:
    name = begun("interleaving", recommend_only=True)
    contents = [gateway.recommend(f"reader{number}") for number in range(20)]
    assert {content["experiment"]["arm"] for content in contents} == {"interleaved"}
    assert all([item["position"] for item in content["items"]] == list(range(1, 11)) for content in contents)
    assert all(len({item["item_id"] for item in content["items"]}) == 10 for content in contents)
    rows = logged(kafka_bootstrap, module_prefix, {content["request_id"] for content in contents}, 200)
    assert {(row["experiment"], row["arm"]) for row in rows} == {(name, "interleaved")}
    teams = Counter((row["position"], row["team"]) for row in rows)
    assert all(teams[place, "control"] + teams[place, "variant"] == 20 for place in range(1, 11))
    assert 0 < teams[1, "control"] < 20
    by_team = Counter(row["team"] for row in rows)
    assert by_team["control"] == by_team["variant"] == 100


def test_an_interleaving_that_would_decide_is_refused(gateway: RunningGateway) -> None:
    declared = {"id": "deciding", "kind": "interleaving", "arms": [arm.model_dump(mode="json") for arm in ARMS]}
    answer = gateway.post("/v1/experiments", json=declared)
    assert answer.status_code == 422
    assert "recommend_only" in answer.text


def test_a_share_of_answers_has_a_last_slot_that_was_drawn_and_says_with_what_chance(
    with_changes: WithChanges, kafka_bootstrap: str, module_prefix: str
) -> None:
    with with_changes(explore_share=0.5) as exploring:
        wait_until(lambda: exploring.gateway.kafka.up)
        contents = [exploring.recommend("explorer") for _ in range(60)]
        assert all(len({item["item_id"] for item in content["items"]}) == 10 for content in contents)
        rows = logged(kafka_bootstrap, module_prefix, {content["request_id"] for content in contents}, 600)
    drawn = [row for row in rows if row.get("propensity") is not None]
    assert {(row["position"], row["propensity"]) for row in drawn} == {(10, 1 / POOL)}
    assert 15 < len(drawn) < 45
    assert len({row["item_id"] for row in drawn}) > 3


def test_a_client_confirms_what_was_seen(gateway: RunningGateway, kafka_bootstrap: str, module_prefix: str) -> None:
    content = gateway.recommend("watcher", count=5)
    items = [item["item_id"] for item in content["items"][:3]]
    seen = {"request_id": content["request_id"], "user_id": "watcher", "items": [*items, items[0]]}
    answer = gateway.post("/v1/impressions", json=seen)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 3})
    rows = logged(kafka_bootstrap, module_prefix, {content["request_id"]}, 3, topic="confirmations")
    assert {row["item_id"] for row in rows} == set(items)
    assert gateway.post("/v1/impressions", json=seen | {"items": []}).status_code == 422


def test_metrics_count_impressions_clicks_and_purchases_of_each_arm(gateway: RunningGateway, begun: Any) -> None:
    name = begun("split")
    shown = gateway.recommend("buyer")
    arm, item = shown["experiment"]["arm"], shown["items"][0]["item_id"]
    for action in ("click", "purchase"):
        event = {"user_id": "buyer", "item_id": item, "action": action, "request_id": shown["request_id"]}
        assert gateway.post("/v1/events", json=event).status_code == 202
    assert gateway.post("/v1/events", json={"user_id": "buyer", "item_id": item, "action": "click"}).status_code == 202
    lines = gateway.client.get("/metrics").text.splitlines()
    labels = f'arm="{arm}",experiment="{name}",release="{shown["release"]}"'
    assert f"headwater_arm_clicks_total{{{labels}}} 1.0" in lines
    assert f"headwater_arm_purchases_total{{{labels}}} 1.0" in lines
    (seen,) = (line for line in lines if line.startswith(f"headwater_arm_impressions_total{{{labels}}}"))
    assert float(seen.split()[-1]) >= 10
