"""The folds end in one state whatever happens to the order, number and batching of their events."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import Action, Event
from contracts.release import HISTORY_LENGTH
from feature_repo import activity, seen, trending
from feature_repo.activity import Act, Happening, UserActivity

START = 1_700_000_000_000


def happenings(size: int, spread_ms: int = 5_000_000_000) -> st.SearchStrategy[list[Happening]]:
    """Events of one user; few items, ids and times, so that ties and repeats are common."""
    return st.lists(
        st.builds(
            Happening,
            st.integers(START, START + spread_ms) | st.sampled_from([START, START + 1]),
            st.integers(0, size * 2),
            st.sampled_from(["a", "b", "c", "ü" * 8]),
            st.sampled_from([1, 2, 3]),
        ),
        max_size=size,
    )


def folded(events: list[Happening]) -> UserActivity:
    state = activity.INITIAL
    for event in events:
        state = activity.fold(state, event)
    return state


def by_definition(events: list[Happening]) -> tuple[Act, ...]:
    """The definition in two lines: the greatest event of each id, of these the greatest HISTORY_LENGTH."""
    greatest: dict[int, Act] = {}
    for event in events:
        act = Act(*event[:4])
        greatest[act.event_key] = max(act, greatest.get(act.event_key, act))
    return tuple(sorted(greatest.values())[-HISTORY_LENGTH:])


@settings(max_examples=60, deadline=None)
@given(st.data(), happenings(260))
def test_any_order_and_repetition_gives_the_state_of_the_definition(
    data: st.DataObject, events: list[Happening]
) -> None:
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=50) if events else st.just([]))
    shuffled = data.draw(st.permutations(repeated))
    assert folded(events).acts == folded(shuffled).acts == by_definition(events)
    assert activity.fold(activity.INITIAL, *shuffled).acts == by_definition(events)


@settings(max_examples=60, deadline=None)
@given(st.data(), happenings(300))
def test_a_crash_between_write_and_commit_changes_nothing(data: st.DataObject, events: list[Happening]) -> None:
    """The stream as batches, any of which is written, not committed, and delivered again from any earlier place."""
    clean, met = folded(events), seen.INITIAL
    for event in events:
        met = seen.fold(met, event)
    state, crashed_met, position = activity.INITIAL, seen.INITIAL, 0
    crashes = data.draw(st.integers(0, 5))
    while position < len(events):
        end = min(len(events), position + data.draw(st.integers(1, 120)))
        state, crashed_met = activity.fold(state, *events[position:end]), seen.fold(crashed_met, *events[position:end])
        if crashes and data.draw(st.booleans()):
            crashes -= 1
            position = data.draw(st.integers(0, position))
        else:
            position = end
    assert state == clean
    assert crashed_met == met


@settings(max_examples=40, deadline=None)
@given(
    st.data(),
    st.lists(
        st.builds(
            Happening,
            st.integers(START, START + 40 * activity.DAY_MS),
            st.just(0),
            st.integers(0, 700).map(str),
            st.sampled_from([1, 2, 3]),
        ),
        max_size=900,
    ),
)
def test_seen_is_the_same_in_any_order_and_never_above_its_cap(data: st.DataObject, events: list[Happening]) -> None:
    shuffled = events[:]
    data.draw(st.randoms(use_true_random=False)).shuffle(shuffled)
    one, other = seen.INITIAL, seen.INITIAL
    for event in events:
        one = seen.fold(one, event)
    for start in range(0, len(shuffled), 250):
        other = seen.fold(other, *shuffled[start : start + 250])
    other = seen.fold(other, *shuffled[:100])
    latest: dict[tuple[str, int], int] = {}
    for event in events:
        met = (event.item_id, event.action)
        latest[met] = max(latest.get(met, 0), event.time_ms // activity.DAY_MS)
    kept = sorted(latest, key=lambda entry: (latest[entry], entry))[-seen.SEEN_LENGTH :]
    assert one.days == other.days == {entry: latest[entry] for entry in kept}


@settings(max_examples=40, deadline=None)
@given(st.data(), happenings(80))
def test_trending_counts_each_offset_once_and_is_exact_in_any_batching(
    data: st.DataObject, events: list[Happening]
) -> None:
    stream = [event._replace(partition=0, offset=offset) for offset, event in enumerate(events)]
    clean = trending.INITIAL
    for event in stream:
        clean = trending.fold(clean, event)
    again, position = trending.INITIAL, 0
    while position < len(stream):
        start = data.draw(st.integers(0, position))
        end = data.draw(st.integers(position + 1, len(stream)))
        for event in stream[start:end]:
            again = trending.fold(again, event)
        position = end
    assert again == clean
    now = START / 1000 + 6_000_000
    expected: dict[str, float] = {}
    for event in stream:
        age_days = (now - event.time_ms / 1000) / 86400
        expected[event.item_id] = expected.get(event.item_id, 0.0) + 0.5 ** (age_days / trending.HALF_LIFE_DAYS)
    found = trending.scores([clean.counts], now)
    assert set(found) == set(expected)
    assert all(abs(found[item] / expected[item] - 1) < 1e-5 for item in expected)


@settings(max_examples=60, deadline=None)
@given(happenings(150))
def test_a_state_survives_its_row(events: list[Happening]) -> None:
    state, met = folded(events), seen.INITIAL
    for event in events:
        met = seen.fold(met, event)
    assert activity.from_features(activity.to_features(state)) == state
    assert seen.from_features(seen.to_features(met)) == met


def test_a_late_event_takes_its_place_and_changes_no_later_counter() -> None:
    now = [Happening(START + minute * 60_000, minute, "a", 2) for minute in (0, 10, 20)]
    late = Happening(START + 5 * 60_000, 99, "late", 1)
    state = folded([*now, late])
    assert [act.item_id for act in state.acts] == ["a", "late", "a", "a"]
    assert activity.counters(state)["session_actions"] == 4


def test_counters_cover_the_session_the_hour_and_the_day() -> None:
    minutes = (-1500, -1000, -90, -20, 0)
    actions = (2, 3, 2, 2, 1)
    moments = zip(minutes, actions, strict=True)
    state = folded([Happening(START + m * 60_000, i, "a", action) for i, (m, action) in enumerate(moments)])
    assert activity.counters(state) == {
        "session_actions": 2.0,
        "session_seconds": 1200.0,
        "actions_1h": 2.0,
        "actions_24h": 4.0,
        "clicks_24h": 2.0,
        "purchases_24h": 1.0,
    }
    assert set(activity.counters(activity.INITIAL).values()) == {0.0}


def test_two_reports_of_one_id_count_once() -> None:
    first = Happening(START, 7, "a", 2)
    second = Happening(START + 5, 7, "b", 2)
    assert folded([first, second]) == folded([second, first])
    assert [act.item_id for act in folded([first, second]).acts] == ["b"]


def test_an_event_that_changes_nothing_returns_the_state_itself() -> None:
    state = folded([Happening(START, 1, "a", 2)])
    assert activity.fold(state, Happening(START, 1, "a", 2)) is state


def test_happenings_keep_the_exact_millisecond() -> None:
    moment = datetime(2026, 11, 23, 12, 0, 0, 999_999, tzinfo=UTC)
    event = Event(
        event_id="e", user_id="u", item_id="i", action=Action.VIEW, timestamp=moment, received_at=moment + timedelta(1)
    )
    happening = Happening.of(event, 3, 9)
    assert happening.time_ms % 1000 == 999
    assert happening[2:] == ("i", 1, 3, 9)
    assert 0 <= happening.event_key < 1 << 63
