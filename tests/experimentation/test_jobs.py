"""From the lake to a moved pointer, on known truth."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from contracts.errors import ConflictError
from contracts.events import Interaction
from contracts.experiment import Arm, Experiment, Status
from contracts.impressions import Impression
from contracts.release import CHALLENGER, CHAMPION
from database.engine import connect
from experimentation.jobs import Rooms, analyse_experiment, carry_out, running_ids
from experimentation.log_tables import Resources
from experimentation.report import page
from experimentation.store import Experiments
from lake.store import Lake
from releases.pointers import Pointers
from releases.promotion import Door
from releases.store import ReleaseStore
from tests.releases.releases import published

OLD, NEW, NEWEST = "r00000000000a", "r00000000000b", "r00000000000c"
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, USERS = 6, 3000
LAST = date(2026, 3, 7)


def clock() -> float:
    return (START + timedelta(days=DAYS)).timestamp()


def fill(lake: Lake, rate: float, lift: float, seed: int) -> None:
    """Impressions and clicks of USERS users over DAYS days, two arms, the variant's click rate times 1 + lift."""
    generator = np.random.default_rng(seed)
    impressions, clicks = [], []
    for user in range(USERS):
        arm = "variant" if user % 2 else "control"
        chance = rate * (1 + lift if user % 2 else 1)
        for day in range(user % 3, DAYS, 3):
            for number in range(2):
                when = START + timedelta(days=day, minutes=user % 1000, seconds=number)
                request = f"{user}-{day}-{number}"
                impressions.append(
                    {"request_id": request, "user_id": f"u{user}", "item_id": f"i{number}", "position": 1}
                    | {"timestamp": when, "experiment": "x1", "arm": arm, "sources": [], "features": []}
                )
                if generator.random() < chance:
                    clicks.append(
                        {"event_id": request, "user_id": f"u{user}", "item_id": f"i{number}", "action": "click"}
                        | {"timestamp": when + timedelta(seconds=9), "request_id": request}
                        | {"source": "simulator", "origin": "test"}
                    )
    lake.append("impressions", pa.Table.from_pylist(impressions, schema=Impression.arrow_schema()))
    lake.append("interactions", pa.Table.from_pylist(clicks, schema=Interaction.arrow_schema()))


@pytest.fixture
def there(tmp_path: Path, database_url: str) -> Iterator[Rooms]:
    engine, store = connect(database_url), ReleaseStore(tmp_path / "releases")
    for identifier in (OLD, NEW):
        published(store, identifier)
    door = Door(store, Pointers(engine, clock), tmp_path / "models")
    door.promote(OLD, who="test", why="first")
    door.challenge(NEW, who="test", why="gate passed")
    yield Rooms(Experiments(engine, clock), Lake(str(tmp_path / "lake")), door, clock, Resources(spill=tmp_path))
    engine.dispose()


def started(there: Rooms, *, recommend_only: bool = False, maximum_days: int = 14) -> None:
    experiment = Experiment(
        id="x1",
        arms=(Arm(name="control", share=0.5, release=OLD), Arm(name="variant", share=0.5, release=NEW)),
        guardrails=("clicks_per_user:0.2",),
        window_days=2,
        minimum_days=2,
        maximum_days=maximum_days,
        recommend_only=recommend_only,
    )
    there.experiments.create(experiment, who="test")
    there.experiments.start("x1", who="test")


def champion(there: Rooms) -> str | None:
    return there.door.pointers.get(CHAMPION).release_id


def test_a_better_challenger_is_promoted_once_however_often_the_task_is_retried(there: Rooms) -> None:
    started(there)
    fill(there.lake, 0.3, 0.5, seed=1)
    answer = analyse_experiment(there, "x1", LAST)
    assert analyse_experiment(there, "x1", LAST) == answer
    comparison = answer["comparison"]
    assert answer["decision"]["state"] == "promote"
    assert comparison["interval"][0] > 0
    assert comparison["interval"][0] <= 0.15 <= comparison["interval"][1]
    assert sum(arm["users"] for arm in answer["arms"]) == USERS
    assert "shown to be better" in page(answer, "a <b>bold</b> hypothesis")

    first = carry_out(there, "x1", answer["decision"])
    assert (first["moved"], first["champion"]) == (True, NEW)
    assert there.door.pointers.get(CHALLENGER).release_id is None
    assert there.experiments.get("x1").status is Status.PROMOTED
    assert carry_out(there, "x1", answer["decision"]) == first
    assert [line.operation for line in there.door.pointers.audit()].count("experiment:x1:promote") == 2
    assert running_ids(there) == []


def test_killed_between_deciding_and_ending_it_has_moved_once(there: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    started(there)
    decision = {"state": "promote", "arm": "variant", "reason": "lift 0.1"}

    def killed(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Experiments, "end", killed)
        with pytest.raises(KeyboardInterrupt):
            carry_out(there, "x1", decision)
    assert (champion(there), there.experiments.get("x1").status) == (NEW, Status.RUNNING)
    there.door.rollback(who="ann", why="a person steps in")
    outcome = carry_out(there, "x1", decision)
    assert (outcome["moved"], outcome["champion"]) == (True, OLD)
    assert there.experiments.get("x1").status is Status.PROMOTED
    assert there.experiments.decision("x1") == decision | {"moved": True}


def test_killed_before_the_move_it_moves_when_the_task_is_retried(
    there: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(there)
    decision = {"state": "promote", "arm": "variant", "reason": "lift 0.1"}

    def killed(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Pointers, "move_together", killed)
        with pytest.raises(KeyboardInterrupt):
            carry_out(there, "x1", decision)
    assert (champion(there), there.experiments.get("x1").status) == (OLD, Status.RUNNING)
    assert (carry_out(there, "x1", decision)["moved"], champion(there)) == (True, NEW)


def test_a_winner_over_a_release_that_is_champion_no_longer_waits_for_a_person(there: Rooms) -> None:
    started(there)
    published(there.door.store, NEWEST)
    there.door.promote(NEWEST, who="train_daily", why="gate passed")
    outcome = carry_out(there, "x1", {"state": "promote", "arm": "variant", "reason": "lift 0.1"})
    assert (outcome["verdict"], outcome["moved"], champion(there)) == ("hold", False, NEWEST)
    assert f"compared with {OLD}" in outcome["reason"]


def test_a_worse_challenger_is_rolled_back_and_the_champion_stays(there: Rooms) -> None:
    started(there)
    fill(there.lake, 0.3, -0.5, seed=2)
    answer = analyse_experiment(there, "x1", LAST)
    assert answer["decision"]["state"] == "rollback"
    assert carry_out(there, "x1", answer["decision"])["moved"]
    assert (champion(there), there.door.pointers.get(CHALLENGER).release_id) == (OLD, None)
    assert there.experiments.get("x1").status is Status.ROLLED_BACK


def test_a_worse_release_that_is_champion_already_is_rolled_back_for_everyone(there: Rooms) -> None:
    started(there)
    there.door.promote(NEW, who="ann", why="early")
    outcome = carry_out(there, "x1", {"state": "rollback", "arm": "variant", "reason": "harm -0.1"})
    assert (outcome["moved"], outcome["champion"]) == (True, OLD)


def test_equal_arms_end_inconclusive_at_the_maximum(there: Rooms) -> None:
    started(there, maximum_days=DAYS)
    fill(there.lake, 0.3, 0.0, seed=3)
    answer = analyse_experiment(there, "x1", LAST)
    assert answer["decision"]["state"] == "inconclusive"
    assert carry_out(there, "x1", answer["decision"])["champion"] == OLD
    assert there.door.pointers.get(CHALLENGER).release_id is None
    assert there.experiments.get("x1").status is Status.INCONCLUSIVE


def test_recommend_only_moves_nothing(there: Rooms) -> None:
    started(there, recommend_only=True)
    outcome = carry_out(there, "x1", {"state": "promote", "arm": "variant", "reason": "lift 0.1"})
    assert outcome["recommended"]
    assert (champion(there), there.experiments.get("x1").status) == (OLD, Status.RUNNING)


def test_a_stopped_experiment_is_left_alone(there: Rooms) -> None:
    started(there)
    there.experiments.stop("x1", who="ann")
    outcome = carry_out(there, "x1", {"state": "promote", "arm": "variant", "reason": "late"})
    assert (outcome["verdict"], champion(there)) == ("stopped", OLD)


def test_a_release_that_was_deleted_meanwhile_is_not_promoted(there: Rooms) -> None:
    started(there)
    with pytest.raises(ConflictError, match="is challenger"):
        there.door.delete(NEW)
    there.door.challenge(None, who="ann", why="free")
    there.door.delete(NEW)
    outcome = carry_out(there, "x1", {"state": "promote", "arm": "variant", "reason": "lift 0.1"})
    assert (outcome["verdict"], outcome["moved"], champion(there)) == ("hold", False, OLD)
    assert "there is no release" in outcome["reason"]
    assert there.experiments.get("x1").status is Status.RUNNING


def test_an_experiment_without_traffic_is_held(there: Rooms) -> None:
    started(there)
    answer = analyse_experiment(there, "x1", LAST)
    assert answer["decision"]["state"] == "hold"
    assert answer["comparison"]["interval"] == [None, None]
    assert "Too few" not in page(answer)
