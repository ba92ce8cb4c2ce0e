"""Promote and roll back move the pointer through the door of ``headwater release``."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts.release import CHAMPION
from database.engine import connect
from releases.pointers import Pointers
from tests.console import filled
from tests.console.conftest import A, B, C
from tests.console.running import RunningConsole


def champion(console: RunningConsole) -> str | None:
    engine = connect(console.settings.database_url)
    release_id = Pointers(engine).get(CHAMPION).release_id
    engine.dispose()
    return release_id


def test_promote_and_roll_back_move_the_pointer_and_say_who_and_why(console: RunningConsole) -> None:
    before = console.get("/api/pointers")
    assert (before["champion"], before["previous"], before["revision"]) == (B, A, 2)
    answer = console.client.post(f"/api/releases/{C}/promote", json={"why": "better", "seen": 2})
    moved = answer.json()
    assert (moved["champion"], moved["changed"]) == (C, True)
    assert "its mirror does not: MLflow is unavailable" in moved["warnings"][0]
    assert champion(console) == C
    answer = console.client.post("/api/rollback", json={"why": "worse", "seen": 3})
    assert answer.json()["champion"] == B == champion(console)
    lines = console.get("/api/pointers")["audit"][:2]
    assert [(line["kind"], line["who"], line["why"]) for line in lines] == [
        ("rollback", "ann", "worse"),
        ("promote", "ann", "better"),
    ]


def test_a_tab_that_is_behind_moves_nothing(console: RunningConsole) -> None:
    assert console.client.post(f"/api/releases/{C}/promote", json={"why": "first tab", "seen": 2}).status_code == 200
    for path in (f"/api/releases/{A}/promote", "/api/rollback"):
        answer = console.client.post(path, json={"why": "stale tab", "seen": 2})
        assert answer.status_code == 409
        assert f"the champion is {C} by now" in answer.json()["detail"]
    assert champion(console) == C


def test_of_two_people_who_decide_at_once_one_wins(console: RunningConsole) -> None:
    def promote(release_id: str) -> int:
        body = {"why": "race", "seen": 2}
        return console.client.post(f"/api/releases/{release_id}/promote", json=body).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(promote, [A, C])) == [200, 409]
    assert console.get("/api/pointers")["revision"] == 3


@pytest.mark.parametrize(
    ("release_id", "body", "status", "says"),
    [
        ("rffffffffffff", {"why": "test", "seen": 2}, 404, "there is no release"),
        ("nonsense", {"why": "test", "seen": 2}, 422, "no release id"),
        (C, {"why": "", "seen": 2}, 422, "why"),
        (C, {"seen": 2}, 422, "why"),
        (C, {"why": "test"}, 422, "seen"),
    ],
)
def test_a_promotion_that_makes_no_sense_is_refused(
    console: RunningConsole, release_id: str, body: dict[str, object], status: int, says: str
) -> None:
    answer = console.client.post(f"/api/releases/{release_id}/promote", json=body)
    assert answer.status_code == status
    assert says in answer.json()["detail"]
    assert champion(console) == B


def test_a_damaged_release_is_refused_with_the_file_that_is_wrong(console: RunningConsole) -> None:
    (console.settings.releases / C / "items.parquet").unlink()
    answer = console.client.post(f"/api/releases/{C}/promote", json={"why": "test", "seen": 2})
    assert answer.status_code == 409
    assert "items.parquet is missing" in answer.json()["detail"]
    (console.settings.releases / C / "manifest.json").unlink()
    (console.settings.releases / A / "manifest.json").chmod(0o644)
    (console.settings.releases / A / "manifest.json").write_text("{")
    listed = console.get("/api/releases")
    assert [row["id"] for row in listed["rows"]] == [B]
    assert listed["broken"].keys() == {A, C}


def test_each_release_has_the_verdict_of_its_gate_and_refused_runs_are_named(console: RunningConsole) -> None:
    filled.judge(console.settings, B, 1.05)
    filled.judge(console.settings, "r0000000000ff", 0.5)
    listed = console.get("/api/releases", limit=1, offset=1)
    (row,) = listed["rows"]
    assert (listed["total"], row["id"], row["gate"]["passed"]) == (3, B, True)
    assert {check["name"] for check in row["gate"]["checks"]} == {"champion", "anchor"}
    assert console.get(f"/api/releases/{A}")["gate"] is None
    (refused,) = listed["refused"]
    assert refused["run"] == "r0000000000ff"
    assert "must be above" in refused["reasons"][0]
