"""From logs to one row a user: attribution, windows, and what is left out."""

from datetime import date
from pathlib import Path
from typing import Any

from experimentation.aggregation import Observed, observe
from tests.experimentation.logs import acted, at, shown, written

UNTIL = date(2026, 4, 30)


def look(folder: Path, impressions: list[dict[str, Any]], interactions: list[dict[str, Any]]) -> Observed:
    files = written(folder, impressions, interactions)
    return observe("x1", ["control", "variant"], [files[0]], [files[1]], until=UNTIL, windows=[7, 1])


def clicks(observed: Observed, window: int = 7) -> float:
    return float(observed.windows[window].clicks.sum())


def test_a_click_belongs_to_its_request_and_counts_once(tmp_path: Path) -> None:
    seen = [shown("u", "i", at(0), request_id="r1"), shown("u", "i", at(0, 60), request_id="r2")]
    click = acted("u", "i", at(0, 90), request_id="r1", event_id="e1")
    again = acted("u", "i", at(0, 95), request_id="r1", event_id="e2")
    observed = look(tmp_path, seen, [click, click, again])
    users = observed.windows[7]
    assert (users.impressions.tolist(), users.clicks.tolist()) == ([2.0], [1.0])
    assert (observed.daily[0].clicks, observed.unattributed) == (1, 0)


def test_without_a_request_id_the_latest_impression_within_a_day_has_it(tmp_path: Path) -> None:
    seen = [shown("u", "i", at(0)), shown("u", "j", at(0))]
    near, far = acted("u", "i", at(0.5)), acted("u", "j", at(1.5))
    observed = look(tmp_path, seen, [near, far])
    assert clicks(observed) == 1
    assert observed.unattributed == 1


def test_clicks_without_impressions_or_by_others_do_not_count(tmp_path: Path) -> None:
    strays = [acted("u", "never-shown", at(0, 5)), acted("stranger", "i", at(0, 5)), acted("u", "i", at(-1))]
    observed = look(tmp_path, [shown("u", "i", at(0))], strays)
    assert (clicks(observed), observed.unattributed) == (0, 1)
    assert observed.windows[7].before_clicks.tolist() == [1.0]


def test_a_user_counts_over_a_fixed_window_from_the_first_exposure(tmp_path: Path) -> None:
    seen = [shown("u", "i", at(day)) for day in (0, 0.9, 6.9, 7.1, 20)]
    done = [acted("u", "i", at(0.91)), acted("u", "i", at(7.11))]
    observed = look(tmp_path, seen, done)
    assert [observed.windows[w].impressions[0] for w in (7, 1)] == [3.0, 2.0]
    assert [observed.windows[w].clicks[0] for w in (7, 1)] == [1.0, 1.0]
    week = observed.windows[7]
    assert [len(week.closed(day, 7)) for day in (5, 6)] == [0, 1]


def test_purchases_have_a_value_and_conversion_is_of_users(tmp_path: Path) -> None:
    seen = [shown("u", "i", at(0), request_id="r"), shown("v", "i", at(0), "variant")]
    bought = [acted("u", "i", at(0, n), request_id="r", action="purchase", value=2.5) for n in (10, 20)]
    users = look(tmp_path, seen, bought).windows[7]
    assert (users.conversions.tolist(), users.converted.tolist()) == ([2.0, 0.0], [1.0, 0.0])
    assert users.revenue.tolist() == [5.0, 0.0]


def test_users_of_two_arms_and_bots_are_left_out_and_counted(tmp_path: Path) -> None:
    mixed = [shown("m", "i", at(0)), shown("m", "i", at(1), "variant")]
    seen = [shown("bot", f"i{n}", at(0, n), "variant") for n in range(60)]
    done = [acted("bot", f"i{n}", at(0, n + 0.5), request_id=f"bot-{at(0, n).isoformat()}") for n in range(60)]
    observed = look(tmp_path, [*mixed, *seen, shown("u", "i", at(0))], done)
    assert (observed.contaminated, observed.bots) == (1, {"control": 0, "variant": 1})
    assert observed.exposed.tolist() == [[1, 0]]
    assert clicks(observed) == 0


def test_forced_arms_and_other_experiments_are_not_seen(tmp_path: Path) -> None:
    other = shown("w", "i", at(0)) | {"experiment": "x2"}
    observed = look(tmp_path, [shown("u", "i", at(0)), shown("v", "i", at(0), None), other], [])
    assert observed.exposed.tolist() == [[1, 0]]


def test_a_day_without_impressions_is_missed_also_when_the_clocks_change(tmp_path: Path) -> None:
    # 29 March 2026 is the day on which Europe moves its clocks: days are UTC days, so nothing happens.
    observed = look(tmp_path, [shown(f"u{day}", "i", at(day)) for day in (0, 1, 3)], [])
    assert observed.first_day == date(2026, 3, 28)
    assert observed.missing_days == ("2026-03-30",)
    assert observed.exposed[:, 0].tolist() == [1, 2, 2, 3]


def test_an_arm_without_traffic_and_an_experiment_without_any(tmp_path: Path) -> None:
    assert look(tmp_path, [shown("u", "i", at(0))], []).exposed[-1].tolist() == [1, 0]
    nothing = observe("x1", ["control", "variant"], [], [], until=UNTIL, windows=[7, 1])
    assert (nothing.first_day, len(nothing.windows[7])) == (None, 0)
    assert look(tmp_path, [shown("u", "i", at(0), None)], []).first_day is None


def test_an_early_look_does_not_see_what_came_later(tmp_path: Path) -> None:
    files = written(tmp_path, [shown("u", "i", at(0)), shown("v", "i", at(5))], [acted("u", "i", at(5))])
    early = observe("x1", ["control"], [files[0]], [files[1]], until=date(2026, 3, 29), windows=[7])
    assert (len(early.windows[7]), early.windows[7].clicks.sum()) == (1, 0)
