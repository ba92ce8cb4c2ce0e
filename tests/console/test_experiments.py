"""Experiments: pages in SQL, start and stop, the report's address."""

import time
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from contracts.experiment import Arm, Experiment
from database.engine import connect
from database.tables import EXPERIMENTS
from experimentation.store import Experiments
from tests.console import filled
from tests.console.conftest import A
from tests.console.running import RunningConsole

MANY = 100_000
ARMS = (Arm(name="control", share=0.5), Arm(name="variant", share=0.5, release=A))


def declare_many(database_url: str) -> None:
    engine = connect(database_url)
    first = datetime(2020, 1, 1, tzinfo=UTC)
    with engine.begin() as connection:
        for start in range(0, MANY, 10_000):
            rows = [
                {
                    "id": f"e{number:06d}",
                    "declaration": Experiment(id=f"e{number:06d}", arms=ARMS).model_dump(mode="json"),
                    "status": "stopped" if number % 10 else "draft",
                    "slot": 0.0,
                    "revision": 1,
                    "created_at": first + timedelta(minutes=number),
                }
                for number in range(start, start + 10_000)
            ]
            connection.execute(sa.insert(EXPERIMENTS), rows)
    engine.dispose()


def test_a_hundred_thousand_experiments_are_a_page_at_a_time(console: RunningConsole) -> None:
    declare_many(console.settings.database_url)
    console.get("/api/experiments")
    started = time.monotonic()
    first = console.get("/api/experiments")
    spent = time.monotonic() - started
    assert (first["total"], [one["id"] for one in first["rows"][:2]]) == (MANY, ["e099999", "e099998"])
    assert len(first["rows"]) == 25
    assert spent < 2
    last = console.get("/api/experiments", offset=MANY - 3)
    assert [one["id"] for one in last["rows"]] == ["e000002", "e000001", "e000000"]
    found = console.get("/api/experiments", status="draft", part="_0999")
    assert found["total"] == 0
    found = console.get("/api/experiments", status="draft", part="e0999", limit=5)
    assert (found["total"], found["rows"][0]["id"]) == (10, "e099990")
    assert console.client.get("/api/experiments", params={"limit": 1000}).status_code == 422
    assert console.client.get("/api/experiments", params={"status": "asleep"}).status_code == 422


def test_an_experiment_is_started_and_stopped_with_who_and_why(console: RunningConsole) -> None:
    engine = connect(console.settings.database_url)
    Experiments(engine, time.time).create(Experiment(id="x2", arms=ARMS), who="bob")
    engine.dispose()
    assert console.client.post("/api/experiments/x2/stop", json={"why": "early"}).status_code == 409
    assert console.client.post("/api/experiments/x2/start").json()["status"] == "running"
    assert console.client.post("/api/experiments/x2/start").status_code == 409
    assert console.client.post("/api/experiments/x2/stop", json={"why": "enough"}).json()["status"] == "stopped"
    shown = console.get("/api/experiments/x2")
    assert [(line["change"], line["who"]) for line in shown["history"]] == [
        ("created", "bob"),
        ("started", "ann"),
        ("stopped", "ann"),
    ]
    assert shown["decision"] == {"verdict": "stopped", "reason": "enough"}
    assert shown["metrics"]["decision"]["reason"] == "not analysed yet"
    assert console.client.get("/api/experiments/none").status_code == 404


def test_the_report_has_an_address_and_keeps_html_as_text(console: RunningConsole) -> None:
    filled.fill_experiment(console.settings, A)
    looks = console.get("/api/experiments/x1")["metrics"]["looks"]["variant"]
    assert len(looks) > 5
    assert looks[-1]["lift_interval"][0] > 0
    answer = console.client.get("/experiments/x1")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<svg" in answer.text
    assert filled.MARKUP not in answer.text
    assert console.client.get("/experiments/none").status_code == 404
