"""From logs to one row a user: attribution, windows, and what is left out."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from contracts.catalogue import Item, User
from contracts.errors import UnavailableError
from contracts.impressions import Confirmation
from experimentation.aggregation import Observed, observe
from experimentation.log_tables import Logs
from tests.experimentation.logs import acted, at, shown, written

UNTIL = date(2026, 4, 30)


def look(
    folder: Path, impressions: list[dict[str, Any]], interactions: list[dict[str, Any]], **options: Any
) -> Observed:
    others = [options.pop(name, None) for name in ("items", "users", "confirmations")]
    logs = written(folder, impressions, interactions, *others)
    until: date = options.pop("until", UNTIL)
    return observe("x1", ["control", "variant"], logs, until=until, windows=[7, 1], **options)


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


def test_two_users_may_number_their_events_alike(tmp_path: Path) -> None:
    users = ("u", "v")
    seen = [shown(user, "i", at(0), request_id=f"r{user}") for user in users]
    done = [acted(user, "i", at(0, 90), request_id=f"r{user}", event_id="1") for user in users]
    observed = look(tmp_path, seen, done)
    assert (clicks(observed), observed.unattributed) == (2.0, 0)


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
    assert [len(week.closed(day, 7)) for day in (6, 7)] == [0, 1]


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
    assert observed.exposed[0].tolist() == [1, 0]
    assert clicks(observed) == 0


def test_forced_arms_and_other_experiments_are_not_seen(tmp_path: Path) -> None:
    other = shown("w", "i", at(0)) | {"experiment": "x2"}
    clicked = acted("u", "j", at(0.1, 5), request_id="forced")
    forced = [shown("u", "j", at(0.1), None, request_id="forced"), shown("u", "j", at(0.05))]
    observed = look(tmp_path, [shown("u", "i", at(0)), shown("v", "i", at(0), None), other, *forced], [clicked])
    assert observed.exposed[-1].tolist() == [1, 0]
    assert (observed.windows[7].impressions.tolist(), clicks(observed)) == ([2.0], 0)


def test_a_day_without_impressions_is_missed_also_when_the_clocks_change(tmp_path: Path) -> None:
    # 29 March 2026 is the day on which Europe moves its clocks: days are UTC days, so nothing happens.
    seen = [shown(f"u{day}", "i", at(day)) for day in (0, 1, 3)]
    observed = look(tmp_path, seen, [], until=date(2026, 3, 31))
    assert observed.first_day == date(2026, 3, 28)
    assert observed.missing_days == ("2026-03-30",)
    assert observed.exposed[:, 0].tolist() == [1, 2, 2, 3]


def test_days_that_have_not_reached_the_lake_yet_are_missing(tmp_path: Path) -> None:
    late = look(tmp_path, [shown("u", "i", at(day)) for day in (0, 1)], [], until=date(2026, 3, 31))
    assert late.missing_days == ("2026-03-30", "2026-03-31")
    assert len(late.exposed) == 4


def test_an_arm_without_traffic_and_an_experiment_without_any(tmp_path: Path) -> None:
    assert look(tmp_path, [shown("u", "i", at(0))], []).exposed[-1].tolist() == [1, 0]
    nothing = observe("x1", ["control", "variant"], Logs([]), until=UNTIL, windows=[7, 1])
    assert (nothing.first_day, len(nothing.windows[7])) == (None, 0)
    assert look(tmp_path, [shown("u", "i", at(0), None)], []).first_day is None


def test_an_early_look_does_not_see_what_came_later(tmp_path: Path) -> None:
    logs = written(tmp_path, [shown("u", "i", at(0)), shown("v", "i", at(5))], [acted("u", "i", at(5))])
    early = observe("x1", ["control"], logs, until=date(2026, 3, 29), windows=[7])
    assert (len(early.windows[7]), early.windows[7].clicks.sum()) == (1, 0)


def test_an_arms_day_has_latency_degraded_answers_coverage_and_new_items(tmp_path: Path) -> None:
    born = [at(-1), at(-100), None, at(-2)]
    items = [Item(item_id=f"i{number}", created_at=when) for number, when in enumerate(born)]
    seen = [
        shown("u", f"i{item}", at(0, answer), request_id=f"r{answer}", position=item + 1)
        | {"latency_ms": 10.0 * answer, "degraded": answer == 3}
        for answer in range(1, 5)
        for item in range(2)
    ]
    day = look(tmp_path, seen, [], items=items).daily[0]
    assert (day.users, day.impressions, day.degraded_share) == (1, 8, 0.25)
    assert day.latency_p95_ms == pytest.approx(np.quantile([10, 20, 30, 40], 0.95))
    assert (day.coverage, day.new_share) == (0.5, 0.5)
    assert look(tmp_path, [shown("u", "i", at(0))], []).daily[0].latency_p95_ms is None


def test_confirmed_impressions_are_counted_once_and_only_where_something_was_shown(tmp_path: Path) -> None:
    seen = [shown("u", item, at(0), request_id="r") for item in "ij"]
    said = [("r", "i"), ("r", "i"), ("r", "k"), ("other", "j")]
    confirmations = [
        Confirmation(request_id=request, user_id="u", item_id=item, timestamp=at(0, 9)) for request, item in said
    ]
    day = look(tmp_path, seen, [], confirmations=confirmations).daily[0]
    assert (day.impressions, day.confirmed) == (2, 1)


def test_files_from_before_a_column_was_declared_are_read(tmp_path: Path) -> None:
    logs = written(tmp_path, [shown("u", "i", at(0))], [])
    old = pq.read_table(logs.impressions[0]).drop_columns(["latency_ms", "degraded", "team"])
    pq.write_table(old, logs.impressions[0])
    observed = observe("x1", ["control"], logs, until=UNTIL, windows=[7])
    assert (observed.daily[0].users, observed.daily[0].degraded_share) == (1, None)


def test_users_have_their_cohort_and_the_phase_in_which_they_came(tmp_path: Path) -> None:
    people = [User(user_id="u", cohort="young"), User(user_id="w", cohort="old")]
    seen = [shown(user, "i", at(day)) for day, user in enumerate("uvw")]
    observed = look(tmp_path, seen, [], users=people, phases=[at(1).timestamp()])
    users = observed.windows[7]
    assert [observed.cohorts[code] if code >= 0 else None for code in users.cohort] == ["young", None, "old"]
    assert users.phase.tolist() == [0, 1, 1]


def test_interleaved_users_have_a_row_a_team_and_a_click_counts_for_the_team_that_placed_the_item(
    tmp_path: Path,
) -> None:
    teams = {"i": "control", "j": "variant", "k": "variant"}
    seen = [
        shown(user, item, at(0), "interleaved", request_id=f"r-{user}", team=team)
        for user in "uv"
        for item, team in teams.items()
    ]
    done = [acted("u", "j", at(0, 5), request_id="r-u"), acted("u", "k", at(0, 6)), acted("v", "i", at(0, 7))]
    observed = look(tmp_path, seen, done, interleaved=True)
    users = observed.windows[7]
    assert (users.arm.tolist(), users.clicks.tolist()) == ([0, 1, 0, 1], [0.0, 2.0, 1.0, 0.0])
    assert users.impressions.tolist() == [1.0, 2.0, 1.0, 2.0]
    assert (observed.contaminated, observed.exposed[-1].tolist()) == (0, [2, 2])


def test_files_that_are_gone_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="the lake is unavailable"):
        observe("x1", ["control"], Logs([str(tmp_path / "gone.parquet")]), until=UNTIL, windows=[7])
