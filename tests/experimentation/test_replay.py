"""A day's requests asked of another release: what is compared, with what, and what a request may know."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from contracts.errors import NotFoundError
from contracts.events import Interaction
from contracts.impressions import Impression
from experimentation.logged_requests import Acts, acts_of, logged_requests
from experimentation.replay import ndcg, replay
from lake.store import Lake
from pipeline.request import UserRow
from pipeline.served import ServedRelease
from tests.pipeline.small_release import artifacts_of, release_of

DAY = date(2023, 11, 14)
NOON = datetime(2023, 11, 14, 12, tzinfo=UTC)
USERS = [f"u{n}" for n in range(12)]


def shown(request: str, user: str, items: list[str], when: datetime = NOON) -> list[Impression]:
    return [
        Impression(request_id=request, user_id=user, item_id=item, position=n + 1, timestamp=when)
        for n, item in enumerate(items)
    ]


def acted(user: str, item: str, when: datetime, action: str = "click") -> Interaction:
    return Interaction(
        event_id=f"{user}-{item}-{when.isoformat()}-{action}", user_id=user, item_id=item, action=action,
        timestamp=when, source="import", origin="t",
    )  # fmt: skip


def lake_of(folder: Path, impressions: list[Impression], interactions: list[Interaction]) -> Lake:
    lake = Lake(str(folder / "lake"))
    for name, rows, schema in (
        ("impressions", impressions, Impression.arrow_schema()),
        ("interactions", interactions, Interaction.arrow_schema()),
    ):
        lake.append(name, pa.Table.from_pylist([row.model_dump() for row in rows], schema=schema))
    return lake


@pytest.fixture(scope="module")
def served() -> ServedRelease:
    return release_of(artifacts_of(40))


def histories() -> list[Interaction]:
    """Two clicks of each user an hour before noon."""
    return [
        acted(user, f"i{n + at}", NOON - timedelta(hours=1, seconds=at))
        for n, user in enumerate(USERS)
        for at in (0, 1)
    ]


def test_a_release_that_shows_the_same_agrees_wholly(served: ServedRelease, tmp_path: Path) -> None:
    first = lake_of(tmp_path / "first", [row for user in USERS for row in shown(user, user, ["i1", "i2"])], histories())
    asked = {request.user_id: request for request in logged_requests(first, DAY, 100, 1)}
    assert asked["u3"].shown == ("i1", "i2")
    seen: dict[str, list[str]] = {}
    for user in USERS:
        seen[user] = answers(served, first, user, 5)
    again = lake_of(tmp_path / "again", [row for user in USERS for row in shown(user, user, seen[user])], histories())
    report = replay(served, again, DAY)
    assert (report.requests, report.users, report.answered) == (12, 12, 0)
    assert (report.agreement.mean, report.agreement.lower, report.agreement.upper) == (1.0, 1.0, 1.0)
    assert report.ndcg.mean is None
    assert report.release == served.release


def answers(served: ServedRelease, lake: Lake, user: str, count: int) -> list[str]:
    from pipeline.chain import recommendation_chain
    from pipeline.ports import Assigned
    from pipeline.request import Request

    acts = acts_of(lake, USERS, DAY)

    class Rows:
        def fetch(self, user_id: str, now: float, timeout: float) -> UserRow:  # noqa: ARG002
            return acts[user_id].row(user_id, now)

    class Arms:
        def assign(self, request: Request, row: UserRow) -> Assigned:  # noqa: ARG002
            return Assigned(served)

        def champion(self) -> Assigned:
            return Assigned(served)

    answer = recommendation_chain(Rows(), Arms(), deadline=30).run(Request(user, user, NOON.timestamp(), count))
    return [item.item_id for item in answer.items]


def test_later_clicks_tell_the_better_list(served: ServedRelease, tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "plain", shown("r", "u0", ["i30"]), histories())
    best = {user: answers(served, lake, user, 3) for user in USERS}
    poor = [item for item in served.artifacts.items.ids if not any(item in items for items in best.values())][:3]
    impressions = [row for user in USERS for row in shown(user, user, poor)]
    clicks = [acted(user, best[user][0], NOON + timedelta(minutes=5)) for user in USERS]
    report = replay(served, lake_of(tmp_path / "clicked", impressions, [*histories(), *clicks]), DAY)
    assert report.answered == 12
    assert report.ndcg.mean == pytest.approx(1.0)
    assert report.ndcg_shown.mean == 0.0
    assert report.gain.lower is not None
    assert report.gain.lower > 0


def test_clicks_after_the_window_and_views_do_not_count(served: ServedRelease, tmp_path: Path) -> None:
    late = [acted(user, "i1", NOON + timedelta(hours=25)) for user in USERS]
    views = [acted(user, "i2", NOON + timedelta(minutes=1), "view") for user in USERS]
    lake = lake_of(tmp_path, [row for user in USERS for row in shown(user, user, ["i1"])], [*late, *views])
    assert replay(served, lake, DAY, hours=24).answered == 0
    assert replay(served, lake, DAY, hours=26).answered == 12


def test_a_request_knows_only_what_was_done_before_it(tmp_path: Path) -> None:
    past = [acted("u", f"i{n}", NOON - timedelta(minutes=300 - n)) for n in range(120)]
    lake = lake_of(tmp_path, [], [*past, acted("u", "i200", NOON), acted("u", "i201", NOON + timedelta(hours=2))])
    acts = acts_of(lake, ["u", "other"], DAY)
    row = acts["u"].row("u", NOON.timestamp())
    assert list(row.item_ids) == [f"i{n}" for n in range(20, 120)]
    assert set(row.seen[2]) == {f"i{n}" for n in range(120)}
    assert row.age_seconds == pytest.approx(181 * 60)
    assert "other" not in acts


def test_somebody_without_a_past_is_answered(served: ServedRelease, tmp_path: Path) -> None:
    lake = lake_of(tmp_path, shown("r", "stranger", ["i1", "i2"]), [acted("u", "i1", NOON)])
    report = replay(served, lake, DAY)
    assert (report.requests, report.users) == (1, 1)
    assert report.agreement.mean is None


def test_no_more_requests_than_wanted_and_the_same_ones_for_a_seed(tmp_path: Path) -> None:
    lake = lake_of(tmp_path, [row for n in range(30) for row in shown(f"r{n}", f"u{n}", ["i1", "i2"])], [])
    first = logged_requests(lake, DAY, 10, 1)
    assert len(first) == 10
    assert first == logged_requests(lake, DAY, 10, 1)
    assert {one.request_id for one in first} != {one.request_id for one in logged_requests(lake, DAY, 10, 2)}


def test_a_day_without_impressions_is_one_sentence(served: ServedRelease, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no impressions of 2020-01-01"):
        replay(served, lake_of(tmp_path, [], []), date(2020, 1, 1))


def test_ndcg_of_lists_worked_out_by_hand() -> None:
    assert ndcg(["a", "b", "c"], frozenset({"a"}), 3) == 1.0
    assert ndcg(["b", "a", "c"], frozenset({"a"}), 3) == pytest.approx(1 / np.log2(3))
    assert ndcg(["b", "c", "a"], frozenset({"a", "x"}), 3) == pytest.approx(0.5 / (1 + 1 / np.log2(3)))
    assert ndcg(["b"], frozenset({"a"}), 1) == 0.0


def test_nobody_has_an_empty_row() -> None:
    row = Acts((), np.empty(0, np.int8), np.empty(0)).row("u", 1.0)
    assert (row.state, row.age_seconds, list(row.item_ids)) == ("missing", None, [])


def test_slots_that_were_drawn_say_what_the_release_would_earn_there(served: ServedRelease, tmp_path: Path) -> None:
    impressions, clicks = [], histories()
    for number in range(120):
        user, when = USERS[number % 12], NOON + timedelta(minutes=5 * (number // 12))
        seen = {f"i{number % 12}", f"i{number % 12 + 1}"}
        item = next(f"i{(number * 7 + at) % 40}" for at in range(3) if f"i{(number * 7 + at) % 40}" not in seen)
        *rest, last = shown(f"r{number}", user, ["i38", "i39", item], when)
        impressions += [*rest, last.model_copy(update={"propensity": 1 / 40})]
        clicks += [acted(user, item, when + timedelta(seconds=9))] if number % 4 == 0 else []
    report = replay(served, lake_of(tmp_path, impressions, clicks), DAY, hours=0.05)
    assert (report.slot.slots, report.slot.logged) == (120, 0.25)
    assert report.slot.effective > 100
    assert report.slot.snips is not None
    assert report.slot.snips.lower < 0.25 < report.slot.snips.upper
    few = replay(served, lake_of(tmp_path / "few", impressions[:30], clicks), DAY, hours=0.05)
    assert (few.slot.slots, few.slot.ips) == (10, None)
