"""Every dependency down or damaged: an answer all the same, and it says what it went without."""

import json
import shutil
import socket
import threading
import time
from itertools import islice
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from contracts.experiment import Arm, Experiment
from tests.serving.conftest import FIRST, SECOND, THIRD, WithChanges, World
from tests.serving.running import RunningGateway, wait_until

NOBODY = "127.0.0.1:9"


def test_redis_down_degrades_the_user_row_and_counts_the_limits_in_the_process(with_changes: WithChanges) -> None:
    with with_changes(redis_url=f"redis://{NOBODY}/0") as alone:
        content = alone.recommend("u")
        assert len(content["items"]) == 10
        assert "user_row" in content["degraded"]
        assert content["features"]["state"] == "missing"
        assert "headwater_rate_limit_fallback_total" in alone.client.get("/metrics").text
        assert alone.client.get("/readyz").status_code == 200


def test_an_erasure_that_redis_could_not_take_in_is_left_to_the_daily_job(with_changes: WithChanges) -> None:
    with with_changes(redis_url=f"redis://{NOBODY}/0") as alone:
        assert alone.delete("/v1/users/leaver").status_code == 503
        assert [one.user_id for one in alone.gateway.erasures.waiting()] == ["leaver"]


def test_model_server_down_gives_the_retrieval_order(with_changes: WithChanges) -> None:
    with with_changes(model_server=NOBODY) as alone:
        content = alone.recommend("u")
        assert len(content["items"]) == 10
        assert "rank" in content["degraded"]


def test_a_model_server_that_never_answers_is_given_up_within_the_deadline(with_changes: WithChanges) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with with_changes(model_server=address, request_deadline_ms=400) as alone:
            started = time.monotonic()
            content = alone.recommend("u")
            assert "rank" in content["degraded"]
            assert time.monotonic() - started < 3


def test_kafka_down_refuses_events_at_once_and_keeps_impressions_on_disk(with_changes: WithChanges) -> None:
    with with_changes(kafka_bootstrap=NOBODY) as alone:
        started = time.monotonic()
        answer = alone.post("/v1/events", json={"user_id": "u", "item_id": "i", "action": "view"})
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert time.monotonic() - started < 1
        assert len(alone.recommend("u")["items"]) == 10
        wait_until(lambda: alone.gateway.impressions.spilled_bytes > 0)
        assert alone.put("/v1/items/x", json={}).status_code == 503


def test_spilled_impressions_are_sent_by_the_next_process(
    with_changes: WithChanges, world: World, kafka_bootstrap: str, module_prefix: str
) -> None:
    home = world.configuration.home / "spilling"
    with with_changes(kafka_bootstrap=NOBODY, home=home) as alone:
        request_id = alone.recommend("kept", count=2)["request_id"]
        wait_until(lambda: alone.gateway.impressions.spilled_bytes > 0)
    with with_changes(home=home) as back:
        wait_until(lambda: back.gateway.impressions.spilled_bytes == 0)
        consumer = KafkaConsumer(
            f"{module_prefix}impressions",
            bootstrap_servers=kafka_bootstrap,
            auto_offset_reset="earliest",
            consumer_timeout_ms=10_000,
        )
        rows = (json.loads(record.value) for record in consumer)
        found = list(islice((row for row in rows if row["request_id"] == request_id), 2))
        consumer.close()
    assert [row["position"] for row in found] == [1, 2]


def test_postgresql_down_starts_with_the_last_known_release(with_changes: WithChanges, world: World) -> None:
    home = world.configuration.home / "remembering"
    with with_changes(home=home) as one:
        release = one.recommend("u")["release"]
    database = f"postgresql+psycopg2://headwater@{NOBODY}/headwater"
    with with_changes(home=home, database_url=database) as alone:
        assert alone.recommend("u")["release"] == release
        assert alone.get("/v1/experiments").status_code == 503


def test_without_any_release_it_is_alive_but_not_ready(with_changes: WithChanges, tmp_path: Path) -> None:
    database = f"postgresql+psycopg2://headwater@{NOBODY}/headwater"
    with with_changes(database_url=database, releases=tmp_path, ready=False) as empty:
        assert empty.client.get("/healthz").status_code == 200
        assert empty.client.get("/readyz").status_code == 503
        assert empty.get("/v1/recommendations?user_id=u").status_code == 503


def test_a_release_swaps_in_under_load_without_a_failed_request(gateway: RunningGateway, world: World) -> None:
    world.publish(SECOND)
    failed, releases, stop = [], set(), threading.Event()

    def load() -> None:
        while not stop.is_set():
            answer = gateway.get("/v1/recommendations", params={"user_id": "steady"})
            if answer.status_code != 200 or answer.json()["degraded"]:
                failed.append(answer.text)
            releases.add(answer.json()["release"])

    thread = threading.Thread(target=load)
    thread.start()
    for release in (SECOND, FIRST, SECOND):
        world.point(release)
        wait_until(lambda release=release: gateway.gateway.keeper.current.pointers["champion"] == release, 60)
    time.sleep(0.3)
    stop.set()
    thread.join()
    assert failed == []
    assert releases == {FIRST, SECOND}


@pytest.mark.parametrize("damage", ["changed", "missing", "unknown feature version"])
def test_a_release_that_may_not_be_served_is_refused_and_the_old_one_goes_on(
    gateway: RunningGateway, world: World, damage: str
) -> None:
    before = gateway.gateway.keeper.current.pointers["champion"]
    bad = world.configuration.releases / THIRD
    shutil.rmtree(bad, ignore_errors=True)
    if damage == "unknown feature version":
        world.publish(THIRD, features={"user_actions_7d": 99})
    else:
        world.publish(THIRD)
        file = bad / "popular.npy"
        file.chmod(0o644)
        file.write_bytes(b"changed") if damage == "changed" else file.unlink()
    world.point(THIRD)
    wait_until(lambda: THIRD in gateway.gateway.keeper.refused)
    assert gateway.recommend("u")["release"] == before
    wait_until(lambda: refused_releases(gateway) == 1)
    world.point(before)
    wait_until(lambda: THIRD not in gateway.gateway.keeper.refused)
    assert refused_releases(gateway) == 0
    shutil.rmtree(bad, ignore_errors=True)


def test_a_challenger_that_may_not_be_served_stays_refused_while_it_is_named(
    gateway: RunningGateway, world: World
) -> None:
    before = gateway.gateway.keeper.current.pointers["champion"]
    world.publish(THIRD, features={"user_actions_7d": 99})
    world.point(THIRD, "challenger")
    wait_until(lambda: gateway.gateway.keeper.current.pointers.get("challenger") == THIRD)
    for _ in range(3):
        gateway.gateway.keeper.poll()
        assert THIRD in gateway.gateway.keeper.refused
        assert refused_releases(gateway) == 1
    assert gateway.recommend("u")["release"] == before
    world.point(None, "challenger")
    wait_until(lambda: refused_releases(gateway) == 0)
    shutil.rmtree(world.configuration.releases / THIRD)


def refused_releases(gateway: RunningGateway) -> float:
    (line,) = (one for one in gateway.client.get("/metrics").text.splitlines() if one.startswith("headwater_refused_"))
    return float(line.rpartition(" ")[2])


def test_two_arms_are_served_by_two_releases(gateway: RunningGateway, world: World) -> None:
    world.publish(SECOND)
    world.point(FIRST)
    arms = (Arm(name="control", share=0.5), Arm(name="variant", share=0.5, release=SECOND))
    name = f"e{int(time.time())}"
    declared = Experiment(id=name, arms=arms).model_dump(mode="json")
    assert gateway.post("/v1/experiments", json=declared).status_code == 201
    assert gateway.post("/v1/experiments", json=declared).status_code == 409
    assert gateway.post(f"/v1/experiments/{name}/start").status_code == 200
    wait_until(lambda: bool(gateway.gateway.keeper.current.running))
    wait_until(lambda: gateway.gateway.keeper.current.pointers["champion"] == FIRST)
    answers = [gateway.get("/v1/recommendations", params={"user_id": f"user{i}"}) for i in range(40)]
    pairs = {(one.json()["experiment"]["arm"], one.json()["release"]) for one in answers}
    assert pairs == {("control", FIRST), ("variant", SECOND)}
    assert answers[0].headers["x-experiment"].startswith(f"{name}=")
    again = [gateway.recommend(f"user{i}")["experiment"] for i in range(40)]
    assert again == [one.json()["experiment"] for one in answers]
    assert gateway.get(f"/v1/experiments/{name}/metrics").json()["id"] == name
    assert gateway.post(f"/v1/experiments/{name}/stop").status_code == 200
    wait_until(lambda: not gateway.gateway.keeper.current.running)
    assert gateway.recommend("user1")["experiment"] is None
    assert gateway.get("/v1/experiments/none/metrics").status_code == 404
