"""One request from the user row to the answer, and what each stage does when its part fails."""
# ruff: noqa: ARG002 (fakes have the signatures of the ports they stand for)

from dataclasses import replace

import numpy as np
import pytest

from contracts.errors import UnavailableError
from pipeline.candidates import Candidates, Proposal
from pipeline.chain import Chain, recommendation_chain
from pipeline.ports import Assigned
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.request import Answer, Request, UserRow
from pipeline.rules import Rules, parse_rules
from pipeline.stages.candidates import fill_up, most_popular
from pipeline.stages.ranking import STALE_SECONDS
from pipeline.state import State
from pipeline.user import History, UserContext
from tests.pipeline.small_release import NOW, OneArm, OneRow, artifacts_of, release_of, row_of

STAGES = ("user_row", "arm", "user_vector", "candidates", "filter", "item_features", "rank", "rules", "answer")


class ByRow:
    """Ranks by item row, the highest first."""

    name = "by_row"
    top = 1000

    def __init__(self, fault: BaseException | None = None, scores: list[float] | None = None) -> None:
        self.fault, self.scores = fault, scores

    def score(self, user: UserContext, candidates: Candidates, features: np.ndarray, timeout: float) -> np.ndarray:
        assert features.shape == (len(candidates), len(RANKING_FEATURES))
        assert timeout > 0
        if self.fault:
            raise self.fault
        self.features = features
        return candidates.rows.astype(np.float32) if self.scores is None else np.array(self.scores, np.float32)


class Newcomers:
    """A tower that notes how long the histories are."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def vector(self, history: History, features: dict[str, float], now: float, timeout: float) -> np.ndarray:
        self.asked.append(len(history))
        return np.ones(8, np.float32)


class Broken:
    """A source, or a tower, that fails."""

    def __init__(self, name: str) -> None:
        self.name = name

    def propose(self, user: UserContext, count: int) -> Proposal:
        raise IndexError("index out of range")

    def vector(self, history: History, features: dict[str, float], now: float, timeout: float) -> np.ndarray:
        raise TimeoutError("too slow")


def ask(chain: Chain, **parts: object) -> Answer:
    return chain.run(Request("q1", "u", NOW, **parts))  # type: ignore[arg-type]


def chain_of(n: int = 200, row: UserRow | None = None, rules: Rules | None = None, **parts: object) -> Chain:
    served = release_of(artifacts_of(n), rules, **parts)
    return recommendation_chain(OneRow(row or row_of("i1", "i2", "i3")), OneArm(served), deadline=5.0)


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


def state_of(n: int, category: str | None) -> State:
    served = release_of(artifacts_of(n))
    return State(Request("q1", "u", NOW, category=category), assigned=Assigned(served))


def test_every_stage_reports_in_the_declared_order() -> None:
    answer = ask(chain_of(ranker=ByRow()))
    assert tuple(report.stage for report in answer.stages) == STAGES
    assert all(report.milliseconds >= 0 and report.fault is None for report in answer.stages)
    assert (answer.release, answer.experiment, answer.arm) == ("r000000000001", "e1", "variant")
    assert answer.degraded == ()
    assert answer.candidates["popular"] > len(answer.items)
    note = " ".join(f"{name}:{count}" for name, count in answer.candidates.items())
    assert note == answer.stages[3].note
    assert [item.position for item in answer.items] == list(range(1, 11))


@pytest.mark.parametrize(("age", "degraded"), [(STALE_SECONDS, ()), (STALE_SECONDS + 0.1, ("item_features",))])
def test_item_features_that_nobody_could_read_for_long_are_named(age: float, degraded: tuple[str, ...]) -> None:
    served = release_of(artifacts_of(200), ranker=ByRow())
    chain = recommendation_chain(OneRow(row_of("i1")), OneArm(served), deadline=5.0, item_age=lambda _: age)
    answer = ask(chain)
    assert answer.degraded == degraded
    assert f"items last read {age:.1f} s ago" in answer.stages[5].note
    assert len(answer.items[0].features) == len(RANKING_FEATURES)


def test_the_ranker_decides_the_order() -> None:
    answer = ask(chain_of(ranker=ByRow(), rules=Rules()))
    rows = [item.row for item in answer.items]
    assert rows == sorted(rows, reverse=True)
    assert all(len(item.features) == len(RANKING_FEATURES) for item in answer.items)


def test_seen_items_never_appear_and_are_reported() -> None:
    answer = ask(chain_of(), count=100)
    assert not {"i1", "i2", "i3"} & set(ids(answer))
    removed = {
        int(row) for report in answer.stages for group in report.removed if group.reason == "seen" for row in group.rows
    }
    assert removed <= {1, 2, 3}
    assert removed


def test_reasons_name_what_the_user_did_and_sources_are_told() -> None:
    answer = ask(chain_of(), count=50)
    assert all(item.sources and item.reasons for item in answer.items)
    assert any(reason == "because of Title 2, which you clicked" for item in answer.items for reason in item.reasons)
    assert any(reason.startswith("trending in ") for item in answer.items for reason in item.reasons)


@pytest.mark.parametrize(("part", "name"), [("rows", "user_row"), ("arms", "arm")])
def test_a_port_that_fails_falls_back(part: str, name: str) -> None:
    fault = UnavailableError("redis", "connection refused")
    served = release_of(artifacts_of(100))
    chain = recommendation_chain(
        OneRow(row_of("i1"), fault if part == "rows" else None),
        OneArm(served, fault if part == "arms" else None),
        deadline=5.0,
    )
    answer = ask(chain)
    assert len(answer.items) == 10
    assert answer.degraded == (name,)
    assert next(report.fault for report in answer.stages if report.stage == name) == str(fault)


def test_a_vector_that_cannot_be_computed_leaves_the_other_sources() -> None:
    answer = ask(chain_of(row=row_of("i1", "i2", vector=False), tower=Broken("tower")))
    assert answer.degraded == ("user_vector",)
    assert len(answer.items) == 10
    assert not any("two_tower" in item.sources for item in answer.items)


def test_the_vector_of_before_the_last_actions_stands_in_for_one_that_cannot_be_computed() -> None:
    stale = replace(row_of("i1", "i2", vector=False), stale_vectors={"r000000000001": np.ones(8, np.float32)})
    answer = ask(chain_of(row=stale, tower=Broken("tower")), count=50)
    assert answer.degraded == ("user_vector",)
    assert answer.stages[2].note == "stale"
    assert any("two_tower" in item.sources for item in answer.items)
    tower = Newcomers()
    answer = ask(chain_of(row=stale, tower=tower))
    assert (answer.degraded, answer.stages[2].note, tower.asked) == ((), "computed", [2])


def test_one_broken_source_is_named_and_the_rest_answer() -> None:
    served = release_of(artifacts_of(100))
    sources = (Broken("als"), *(s for s in served.sources if s.name != "als"))
    answer = ask(chain_of(100, sources=sources))
    assert answer.degraded == ("als",)
    assert len(answer.items) == 10


def test_with_every_source_broken_popular_items_answer() -> None:
    answer = ask(chain_of(100, sources=(Broken("two_tower"), Broken("popular"))))
    assert "candidates" in answer.degraded
    assert ids(answer)[0] == "i0"


@pytest.mark.parametrize(
    "ranker",
    [ByRow(fault=TimeoutError("late")), ByRow(scores=[1.0]), ByRow(fault=UnavailableError("model-server", "down"))],
)
def test_a_ranker_that_fails_leaves_the_retrieval_order(ranker: ByRow) -> None:
    answer = ask(chain_of(ranker=ranker))
    assert answer.degraded == ("rank",)
    assert ids(answer) == ids(ask(chain_of()))


def test_a_ranker_that_gives_nan_is_not_believed() -> None:
    class Nan(ByRow):
        def score(self, user: UserContext, candidates: Candidates, features: np.ndarray, timeout: float) -> np.ndarray:
            return np.full(len(candidates), np.nan, np.float32)

    assert ask(chain_of(ranker=Nan())).degraded == ("rank",)


def test_only_the_top_of_the_list_is_ranked() -> None:
    ranker = ByRow()
    ranker.top = 20
    plain = [item.row for item in ask(chain_of(), count=100).items]
    ranked = [item.row for item in ask(chain_of(ranker=ranker), count=100).items]
    assert ranked[:20] == sorted(plain[:20], reverse=True)
    assert ranked[20:] == plain[20:]


def test_after_the_deadline_every_stage_uses_its_fallback() -> None:
    ticks = iter(range(10_000))
    chain = replace(chain_of(ranker=ByRow()), deadline=0.5, timer=lambda: float(next(ticks)))
    answer = ask(chain)
    assert len(answer.items) == 10
    assert {"candidates", "rank"} <= set(answer.degraded)


def test_an_error_that_no_fallback_should_hide_is_raised() -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(chain_of(ranker=ByRow(fault=KeyboardInterrupt())))


def test_an_unknown_user_gets_popular_and_trending_items() -> None:
    answer = ask(chain_of(row=UserRow("nobody")))
    assert len(answer.items) == 10
    assert {source for item in answer.items for source in item.sources} <= {"popular", "trending", "new"}
    assert answer.user.state == "missing"


def test_an_unknown_user_has_the_towers_vector_of_a_newcomer_to_be_ranked_by() -> None:
    tower, ranker = Newcomers(), ByRow()
    answer = ask(chain_of(row=UserRow("nobody"), tower=tower, ranker=ranker))
    assert tower.asked == [0]
    column = RANKING_FEATURES.index("two_tower_score")
    assert np.abs(ranker.features[:, column]).max() > 0
    assert not any("two_tower" in item.sources for item in answer.items)


def test_items_that_the_release_does_not_know_are_left_out_of_the_history() -> None:
    answer = ask(chain_of(row=row_of("i1", "gone", "i2")))
    assert len(answer.items) == 10


def test_a_catalogue_of_five_items_and_more_asked_for() -> None:
    answer = ask(chain_of(5, row=row_of("i1")), count=100)
    assert sorted(ids(answer)) == ["i0", "i2", "i3", "i4"]


def test_who_has_seen_everything_gets_items_again_and_is_told() -> None:
    answer = ask(chain_of(5, row=row_of("i0", "i1", "i2", "i3", "i4")))
    assert sorted(ids(answer)) == ["i0", "i1", "i2", "i3", "i4"]
    assert answer.degraded == ("seen",)


def test_excluded_items_and_other_categories_are_left_out() -> None:
    answer = ask(chain_of(), count=20, category="comedy", exclude=frozenset({"i0", "i6", "unknown"}))
    rows = [item.row for item in answer.items]
    assert len(rows) == 20
    assert all(row % 3 == 0 for row in rows)
    assert not {0, 6} & set(rows)


def test_a_pin_of_another_category_is_left_out_and_one_of_the_category_stays() -> None:
    rules = parse_rules("pin: [{item: i7, position: 1}, {item: i9, position: 2}]")
    assert ids(ask(chain_of(rules=rules)))[:2] == ["i7", "i9"]
    of_category = ids(ask(chain_of(rules=rules), category="comedy"))
    assert of_category[1] == "i9"
    assert "i7" not in of_category


def test_filling_up_a_category_looks_at_no_item_of_another() -> None:
    met = [f"i{row}" for row in range(0, 27, 3)]
    answer = ask(chain_of(31, row=row_of(*met)), count=20, category="comedy")
    assert ids(answer) == ["i27"]
    proposed = {int(row) for row in fill_up(state_of(31, "comedy"), None).rows}
    assert proposed == set(range(0, 30, 3))
    assert len(fill_up(state_of(31, None), None).rows) == 31


def test_the_most_popular_rows_are_those_of_a_full_sort_also_among_equals() -> None:
    random = np.random.default_rng(3)
    items = artifacts_of(500).items
    items = replace(items, popular=random.integers(0, 9, 500).astype(np.float32))
    rows = np.sort(random.permutation(500)[:300]).astype(np.int32)
    whole = rows[np.argsort(-items.popular[rows], kind="stable")]
    for count in (1, 7, 299, 300, 400):
        assert most_popular(rows, items, count).tolist() == whole[:count].tolist()


def test_excluding_all_candidates_still_fills_the_answer() -> None:
    first = ask(chain_of(), count=100)
    answer = ask(chain_of(), count=10, exclude=frozenset(ids(first)))
    assert len(answer.items) == 10
    assert not set(ids(first)) & set(ids(answer))


def test_a_list_to_be_ranked_comes_back_whole_in_the_rankers_order() -> None:
    answer = ask(chain_of(ranker=ByRow()), items=("i5", "i1", "i90", "i5", "unknown"))
    assert ids(answer) == ["i90", "i5", "i1"]


def test_hidden_items_never_appear() -> None:
    artifacts = artifacts_of(100)
    hidden = [f"i{k}" for k in range(50)]
    served = release_of(artifacts.with_items(artifacts.items.with_hidden(hidden)))
    answer = ask(recommendation_chain(OneRow(row_of("i60")), OneArm(served), deadline=5.0), count=40)
    assert len(answer.items) == 40
    assert not set(hidden) & set(ids(answer))
