"""Business rules: what the file may say, and what any file does to any ranked list."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import InvalidInputError
from pipeline.rules import BoundRules, Rules, default_rules, parse_rules, select
from pipeline.user import History
from tests.pipeline.small_release import DAY, NOW, items_of

ITEMS = items_of(60)
NOBODY = np.empty(0, np.int32)

pins = st.lists(st.integers(0, 70), unique=True, max_size=4).map(
    lambda rows: [{"item": f"i{row}", "position": 1 + 3 * at} for at, row in enumerate(rows)]
)
rule_files = st.fixed_dictionaries(
    {
        "diversity": st.fixed_dictionaries(
            {
                "category": st.none() | st.fixed_dictionaries({"cap": st.integers(1, 4), "window": st.integers(2, 10)}),
                "mmr": st.floats(0, 1),
            }
        ),
        "freshness": st.fixed_dictionaries(
            {
                "half_life_days": st.none() | st.floats(0.5, 50),
                "new_share": st.floats(0, 1),
                "new_days": st.floats(1, 30),
            }
        ),
        "hidden": st.fixed_dictionaries({"older_than_days": st.none() | st.floats(5, 90)}),
        "deny": st.lists(st.integers(0, 70).map(lambda k: f"i{k}"), max_size=5),
        "pin": pins,
    }
)


def run(rules: dict[str, Any], rows: list[int], count: int, barred: np.ndarray = NOBODY) -> tuple[Any, BoundRules]:
    bound = BoundRules.bind(Rules.model_validate(rules), ITEMS)
    scores = np.linspace(1, 0, len(rows)).astype(np.float32)
    return select(np.array(rows, np.int32), scores, bound, count, NOW, barred), bound


@settings(max_examples=150, deadline=None)
@given(rule_files, st.permutations(range(60)), st.integers(0, 60), st.integers(1, 30))
def test_any_rules_on_any_list(rules: dict[str, Any], order: list[int], length: int, count: int) -> None:
    rows = order[:length]
    selection, bound = run(rules, rows, count)
    chosen = selection.rows.tolist()
    pinned = bound.pins(count, NOW)
    assert len(chosen) == len(set(chosen)) <= count
    assert set(chosen) <= set(rows) | set(pinned.values())
    assert not bound.forbid(selection.rows, NOW)
    possible = len(
        set(rows) - {int(r) for g in bound.forbid(np.array(rows, np.int32), NOW) for r in g.rows} | set(pinned.values())
    )
    assert len(chosen) == min(count, possible)
    if len(chosen) == count:
        assert all(chosen[at] == row for at, row in pinned.items())
    assert not set(chosen) & {int(row) for group in selection.removed for row in group.rows}
    assert all(group.reason for group in selection.removed)


def test_without_rules_the_ranked_order_stands() -> None:
    assert run({}, [9, 3, 30, 4], 3)[0].rows.tolist() == [9, 3, 30]


def test_a_cap_leaves_at_most_so_many_of_a_category_and_says_why() -> None:
    rows = [0, 3, 6, 9, 12, 1, 2, 4, 5, 7]
    selection, _ = run({"diversity": {"category": {"cap": 2, "window": 5}}}, rows, 5)
    assert selection.rows.tolist() == [0, 3, 1, 2, 4]
    assert {g.reason for g in selection.removed} == {"category cap"}
    assert {int(r) for g in selection.removed for r in g.rows} == {6, 9, 12}


def test_a_cap_gives_way_rather_than_shorten_the_answer() -> None:
    assert run({"diversity": {"category": {"cap": 1, "window": 10}}}, [0, 3, 6], 3)[0].rows.tolist() == [0, 3, 6]


def test_mmr_prefers_what_is_not_alike() -> None:
    assert run({"diversity": {"mmr": 0.5}}, [0, 3, 6, 1, 2], 3)[0].rows.tolist() == [0, 1, 2]


def test_a_share_for_new_items_is_kept() -> None:
    rows = [*range(30, 60), 0, 1, 2]
    selection, bound = run({"freshness": {"new_share": 0.3, "new_days": 4}}, rows, 10)
    assert int(bound.is_new(selection.rows, NOW, 5).sum()) == 3


def test_age_decay_lifts_the_young() -> None:
    plain = run({}, [50, 1, 40], 3)[0].rows.tolist()
    decayed = run({"freshness": {"half_life_days": 1, "weight": 1}}, [50, 1, 40], 3)[0].rows.tolist()
    assert (plain[0], decayed[0]) == (50, 1)


def test_a_pin_holds_between_its_times_only() -> None:
    pin = {"item": "i40", "position": 2, "start": "2023-01-01T00:00:00Z", "end": "2023-02-01T00:00:00Z"}
    assert 40 not in run({"pin": [pin]}, [1, 2, 3], 3)[0].rows
    pin["end"] = "2033-01-01T00:00:00Z"
    assert run({"pin": [pin]}, [1, 2, 3], 3)[0].rows.tolist() == [1, 40, 2]


def test_what_the_request_excludes_no_pin_brings_back() -> None:
    selection, _ = run({"pin": [{"item": "i40", "position": 1}]}, [1, 2], 2, np.array([40], np.int32))
    assert selection.rows.tolist() == [1, 2]


def test_allow_deny_and_expiry_remove_with_their_reasons() -> None:
    rules = {
        "allow": ["i1", "i2", "i3", "i50"],
        "deny": ["i2"],
        "hidden": {"older_than_days": 10, "categories": ["comedy"]},
    }
    selection, _ = run(rules, [1, 2, 3, 4, 50], 5)
    assert selection.rows.tolist() == [1]
    assert {g.reason: g.rows.tolist() for g in selection.removed} == {
        "hidden": [3],
        "denied by a rule": [2],
        "not on the allow list": [4],
        "expired": [50],
    }


def test_seen_follows_the_days_of_each_action() -> None:
    bound = BoundRules.bind(Rules.model_validate({"seen": {"view": 1, "click": 10, "purchase": None}}), ITEMS)
    seen = {
        1: {"i1": NOW - 2 * DAY, "i2": NOW - 100},
        2: {"i3": NOW - 5 * DAY, "i4": NOW - 11 * DAY},
        3: {"i5": 0.0, "x": 1.0},
    }
    assert bound.seen(seen, History.empty(), NOW).tolist() == [2, 3, 5]
    history = History(np.array([7, 8], np.int32), np.array([1, 2], np.int8), np.array([NOW - 2 * DAY, NOW - DAY]))
    assert bound.seen({}, history, NOW).tolist() == [8]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("diversity: {mmr: 2}", "diversity.mmr"),
        ("diversty: {}", "diversty"),
        ("pin: [{item: i1, position: 0}]", "pin.0.position"),
        ("pin: [{item: i1, position: 1}, {item: i2, position: 1}]", "rules"),
        ("a: [", "rules"),
        ("- 1", "rules"),
    ],
)
def test_a_wrong_file_names_the_field(text: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_rules(text)
    assert error.value.field == field


def test_the_shipped_rules_and_an_empty_file_are_valid() -> None:
    assert default_rules().diversity.category is not None
    assert parse_rules("") == Rules()
