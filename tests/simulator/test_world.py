"""The truth about a world, and what happens in it."""

from pathlib import Path

import numpy as np
import pytest

from contracts.errors import InvalidInputError, NotFoundError
from contracts.events import Action
from simulator.people import PERSON
from simulator.settings import DAY, WorldSettings
from simulator.tables import load_world
from simulator.world import World

SMALL = WorldSettings(users=1000, items=500, days=6, seed=3)
TIME = SMALL.end - DAY


@pytest.fixture(scope="module")
def world() -> World:
    return World(SMALL)


def person(world: World) -> str:
    row = np.flatnonzero((world.people.kind == PERSON) & (world.people.joined < SMALL.start))[0]
    return f"u{row}"


def known_items(world: World, count: int) -> list[str]:
    return [world.catalogue.ids[row] for row in np.flatnonzero(world.catalogue.born < SMALL.start)[:count]]


def test_reactions_come_as_often_as_the_truth_says(world: World) -> None:
    user, shown, rng = person(world), known_items(world, 10), np.random.default_rng(1)
    clicks = np.zeros(10)
    for _ in range(1500):
        for reaction in world.respond(user, shown, TIME, rng):
            clicks[shown.index(reaction.item_id)] += reaction.action is Action.CLICK
    truth = world.click_probability(user, shown, TIME, list(range(1, 11)))
    assert np.abs(clicks / 1500 - truth).max() < 4 * np.sqrt(0.25 / 1500)


def test_a_lower_position_is_looked_at_less(world: World) -> None:
    user, (item, *_) = person(world), known_items(world, 1)
    chances = [world.click_probability(user, [item], TIME, [position])[0] for position in (1, 5, 10)]
    assert chances[0] > chances[1] > chances[2] > 0
    assert world.click_probability(user, [item], TIME)[0] == pytest.approx(chances[0])


def test_what_follows_the_last_item_is_likelier(world: World) -> None:
    user, (last, *_) = person(world), known_items(world, 1)
    row = world.item_rows([last])[0]
    following = next(i for i in world.catalogue.successors[row] if world.catalogue.born[i] < SMALL.start)
    item = [world.catalogue.ids[following]]
    assert world.click_probability(user, item, TIME, last_item=last) > 1.5 * world.click_probability(user, item, TIME)


def test_an_item_that_is_not_born_is_never_clicked(world: World) -> None:
    unborn = [world.catalogue.ids[row] for row in np.flatnonzero(world.catalogue.born > SMALL.start + DAY)]
    assert unborn
    assert world.click_probability(person(world), unborn, SMALL.start).max() == 0


def test_tastes_drift_unless_the_world_is_quiet(world: World) -> None:
    everybody = np.arange(1000)
    quiet = World(WorldSettings(users=1000, items=500, days=6, seed=3, quiet=True))
    for one, changes in ((world, True), (quiet, False)):
        early, late = (one.people.taste_at(everybody, time, one.settings) for time in (SMALL.start, SMALL.end))
        assert (np.abs(early - late).max() > 0.05) == changes
        assert (one.catalogue.born > SMALL.start).any() == changes


def test_a_sudden_shift_turns_half_of_the_tastes() -> None:
    shifted = World(WorldSettings(users=1000, items=500, days=6, seed=3, drift=0, shift_day=3))
    everybody, moment = np.arange(1000), shifted.settings.shift_time
    before, after = (shifted.people.taste_at(everybody, time, shifted.settings) for time in (moment - 1, moment))
    turned = (before * after).sum(axis=1) < 0.5
    assert 0.4 < turned.mean() < 0.6


def test_bots_click_whatever_they_are_shown(world: World) -> None:
    bot = world.people.ids[np.flatnonzero(world.people.kind != PERSON)[0]]
    shown = known_items(world, 5)
    reactions = world.respond(bot, shown, TIME, np.random.default_rng(0))
    assert [reaction.item_id for reaction in reactions] == shown


def test_arrivals_are_people_in_order_of_time(world: World) -> None:
    users, times = world.arrivals(TIME, DAY, np.random.default_rng(0))
    assert len(users) == pytest.approx(world.people.rate[world.people.joined <= TIME].sum(), rel=0.3)
    assert (world.people.kind[users] == PERSON).all()
    assert (np.diff(times) >= 0).all()
    assert TIME <= times[0] <= times[-1] <= TIME + DAY


def test_who_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        world.click_probability("nobody", ["i1"], TIME)
    with pytest.raises(NotFoundError, match="nothing"):
        world.click_probability("u1", ["i1", "nothing"], TIME)


@pytest.mark.parametrize(("name", "value"), [("users", 3), ("items", 0), ("days", 0), ("bots", 1.5)])
def test_sizes_have_limits(name: str, value: float) -> None:
    with pytest.raises(InvalidInputError, match=name):
        WorldSettings(**{name: value})  # type: ignore[arg-type]


def test_settings_build_the_same_world_again(tmp_path: Path, world: World) -> None:
    (tmp_path / "truth").mkdir()
    SMALL.save(tmp_path / "truth" / "world.json")
    again = load_world(tmp_path)
    assert again.settings == SMALL
    assert np.array_equal(again.catalogue.vectors, world.catalogue.vectors)
    assert np.array_equal(again.people.taste, world.people.taste)
