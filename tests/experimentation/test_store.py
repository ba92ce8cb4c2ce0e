"""Experiments in a real PostgreSQL."""

from collections.abc import Iterator
from datetime import date

import pytest

from contracts.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from contracts.experiment import Arm, Experiment, Status
from database.engine import connect
from experimentation import api
from experimentation.store import Experiments

ARMS = (Arm(name="control", share=0.5), Arm(name="variant", share=0.5))


def noon() -> float:
    return 1_767_355_200.0


def declared(identifier: str, **fields: object) -> Experiment:
    return Experiment.model_validate({"id": identifier, "arms": ARMS, **fields})


@pytest.fixture
def store(database_url: str) -> Iterator[Experiments]:
    engine = connect(database_url)
    yield Experiments(engine, noon)
    engine.dispose()


def test_a_life_is_written_down_with_who_and_when(store: Experiments) -> None:
    store.create(declared("x1"), who="ann")
    assert store.start("x1", who="bob", traffic=0.05).traffic == 0.05
    assert store.grow("x1", 0.2, who="bob").traffic == 0.2
    ended = store.end("x1", Status.PROMOTED, who="dag", decision={"reason": "better"})
    assert ended.ended_at is not None
    assert store.end("x1", Status.PROMOTED, who="dag") == ended
    assert store.decision("x1") == {"reason": "better"}
    history = store.history("x1")
    assert [(one.change, one.who) for one in history] == [
        ("created", "ann"),
        ("started", "bob"),
        ("grown", "bob"),
        ("promoted", "dag"),
    ]
    assert history[0].at.timestamp() == noon()


def test_what_would_break_the_statistics_of_a_running_one_is_refused(store: Experiments) -> None:
    store.create(declared("x1"), who="ann")
    assert store.update(declared("x1", metric="clicks_per_user"), who="ann").experiment.metric == "clicks_per_user"
    store.start("x1", who="ann")
    uneven = (Arm(name="control", share=0.9), Arm(name="variant", share=0.1))
    with pytest.raises(ConflictError, match="arms, metric cannot change"):
        store.update(Experiment(id="x1", arms=uneven), who="ann")
    with pytest.raises(ConflictError, match="cannot shrink"):
        store.grow("x1", 0.5, who="ann")
    renamed = declared("x1", metric="clicks_per_user", hypothesis="h", recommend_only=True)
    assert store.update(renamed, who="ann").experiment.recommend_only
    with pytest.raises(ConflictError, match="only a draft"):
        store.start("x1", who="ann")
    store.stop("x1", who="ann")
    with pytest.raises(ConflictError, match="stopped"):
        store.end("x1", Status.PROMOTED, who="dag")
    with pytest.raises(ConflictError, match="cannot change"):
        store.update(renamed, who="ann")


def test_an_exclusive_group_never_hands_out_more_than_all_its_traffic(store: Experiments) -> None:
    for name, traffic in {"x1": 0.5, "x2": 0.3, "x3": 0.4}.items():
        store.create(declared(name, group="g", traffic=traffic), who="ann")
    assert (store.start("x1", who="a").slot, store.start("x2", who="a").slot) == (0.0, 0.5)
    with pytest.raises(ConflictError, match=r"0\.20 of its traffic left"):
        store.start("x3", who="a")
    store.stop("x1", who="a")
    assert store.start("x3", who="a").slot == 0.0


def test_what_is_unknown_taken_or_wrong_is_refused(store: Experiments) -> None:
    store.create(declared("x1"), who="ann")
    with pytest.raises(ConflictError, match="already"):
        store.create(declared("x1"), who="ann")
    with pytest.raises(NotFoundError, match="x9"):
        store.start("x9", who="ann")
    with pytest.raises(InvalidInputError, match="metric"):
        store.create(declared("x2", metric="happiness"), who="ann")
    with pytest.raises(InvalidInputError, match="traffic"):
        store.start("x1", who="ann", traffic=1.5)
    with pytest.raises(InvalidInputError, match=r"shares must sum to 1"):
        api.create_experiment(
            store, {"id": "x3", "arms": [{"name": "a", "share": 1}, {"name": "b", "share": 1}]}, who="a"
        )
    with pytest.raises(InvalidInputError, match="status"):
        api.list_experiments(store, "asleep")
    with pytest.raises(UnavailableError, match="PostgreSQL"):
        Experiments(connect("postgresql+psycopg2://nobody@127.0.0.1:1/none"), noon).get("x1")


def test_the_api_answers_before_and_after_a_look(store: Experiments) -> None:
    api.create_experiment(store, {"id": "x1", "arms": [one.model_dump() for one in ARMS]}, who="ann")
    assert api.start_experiment(store, "x1", who="ann", traffic=0.05)["enrolled"] == 0.05
    waiting = api.experiment_metrics(store, "x1")
    assert (waiting["decision"]["reason"], waiting["arms"][0]["users"]) == ("not analysed yet", 0)
    for day, number in ((2, 1), (1, 9), (2, 3)):
        store.keep_look("x1", date(2026, 1, day), {"number": number})
    assert api.experiment_metrics(store, "x1") == {"number": 3, "status": "running"}
    assert api.stop_experiment(store, "x1", who="ann")["status"] == "stopped"
    assert [one["id"] for one in api.list_experiments(store, "stopped")] == ["x1"]
