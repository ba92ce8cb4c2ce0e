"""Assignment: sticky, shared out as declared, independent, and the same in any language."""

import hashlib
from collections import Counter

import pytest

from contracts.experiment import Arm, Experiment, RunningExperiment, Status
from experimentation.assignment import arm_of, assign, enrolled, forced, uniform

ARMS = (Arm(name="control", share=0.5), Arm(name="variant", share=0.5))
USERS = [f"user-{number}" for number in range(20_000)]


def running(identifier: str, *, traffic: float | None = None, slot: float = 0.0, **fields: object) -> RunningExperiment:
    declared = Experiment.model_validate({"id": identifier, "arms": ARMS, **fields})
    return RunningExperiment(experiment=declared, status=Status.RUNNING, slot=slot, traffic=traffic)


def test_the_rule_can_be_computed_without_our_code() -> None:
    digest = hashlib.sha256("arm:exp-1:müller".encode()).hexdigest()
    assert uniform("arm:exp-1", "müller") == int(digest[:16], 16) / 2**64
    assert uniform("arm:exp-1", "user-1") == 0.36345123394573786


def test_shares_are_as_declared_and_sticky() -> None:
    experiment = Experiment(
        id="x1", arms=(Arm(name="a", share=0.2), Arm(name="b", share=0.3), Arm(name="c", share=0.5))
    )
    counts = Counter(arm_of(experiment, user).name for user in USERS)
    for name, share in {"a": 0.2, "b": 0.3, "c": 0.5}.items():
        assert counts[name] == pytest.approx(share * len(USERS), rel=0.04)
    assert [arm_of(experiment, user) for user in USERS[:50]] == [arm_of(experiment, user) for user in USERS[:50]]


def test_two_experiments_are_independent() -> None:
    one, two = running("x1").experiment, running("x2").experiment
    both = Counter((arm_of(one, user).name, arm_of(two, user).name) for user in USERS)
    assert len(both) == 4
    assert all(count == pytest.approx(len(USERS) / 4, rel=0.06) for count in both.values())


def test_growing_traffic_keeps_everyone_in_and_in_the_same_arm() -> None:
    small, large = running("x1", traffic=0.05), running("x1", traffic=0.2)
    inside = [user for user in USERS if enrolled(small, user)]
    assert len(inside) == pytest.approx(0.05 * len(USERS), rel=0.12)
    assert all(enrolled(large, user) for user in inside)
    assert Counter(arm_of(small.experiment, user).name for user in inside)["variant"] == pytest.approx(
        len(inside) / 2, rel=0.1
    )


def test_experiments_of_one_group_share_no_user() -> None:
    one = running("x1", traffic=0.5, group="ranker")
    two = running("x2", traffic=0.5, slot=0.5, group="ranker")
    memberships = Counter((enrolled(one, user), enrolled(two, user)) for user in USERS)
    assert set(memberships) == {(True, False), (False, True)}


def test_the_first_that_enrols_serves_and_segments_and_states_are_respected() -> None:
    first, second = running("x1", traffic=0.5), running("x2")
    served = Counter(found[0].experiment.id for user in USERS if (found := assign([first, second], user)))
    assert served["x1"] == pytest.approx(len(USERS) / 2, rel=0.04)
    assert sum(served.values()) == len(USERS)
    new_only = running("x3", segments=("new",))
    assert assign([new_only], "u") is None
    assert assign([new_only], "u", {"new"}) is not None
    assert assign([first.model_copy(update={"status": Status.STOPPED})], "u") is None


def test_a_forced_arm_is_found_by_name_only() -> None:
    assert forced([running("x1")], "x1", "variant") == (running("x1"), ARMS[1])
    assert forced([running("x1")], "x1", "other") is None
    assert forced([running("x1")], "x2", "variant") is None
