import numpy as np
import pyarrow as pa
import pytest

from contracts.errors import InvalidInputError
from training.datasets.items import ItemTable
from training.datasets.sequences import Sequences
from training.protocols.cold import cold
from training.protocols.given_split import given_split
from training.protocols.leave_last_out import leave_last_out
from training.protocols.run import run


def walks(users: int, length: int, items: int = 30, timed: bool = True) -> Sequences:
    item = [(3 * u + t) % items for u in range(users) for t in range(length)]
    columns = {"user_id": np.repeat(np.arange(users), length), "item_id": [f"i{i}" for i in item]}
    if timed:
        columns["timestamp"] = np.tile(1_000_000_000 + 60 * np.arange(length), users)
    return Sequences.from_table(pa.table(columns))


def test_the_last_action_of_each_user_is_the_test_and_ties_follow_the_file() -> None:
    table = pa.table(
        {"user_id": ["a"] * 6, "item_id": list("pqrstu"), "timestamp": [1e9, 1e9 + 9, 1e9, 1e9, 1e9, 1e9 + 9]}
    )
    sequences = Sequences.from_table(table)
    split = leave_last_out(sequences, ItemTable.bare(sequences.item_ids))
    assert [sequences.item_ids[r] for r in split.targets.rows] == ["u"]
    assert [sequences.item_ids[r] for r in split.histories[0].rows] == ["p", "r", "s", "t", "q"]
    assert split.segments["tie"].all()


def test_users_with_fewer_than_five_actions_train_only() -> None:
    sequences = walks(4, 6).keep(np.r_[np.ones(20, bool), np.zeros(4, bool)])
    split = leave_last_out(sequences, ItemTable.bare(sequences.item_ids))
    assert len(split) == 3
    assert len(split.train) == 3 * 5 + 2


def test_leave_last_out_without_times_is_refused() -> None:
    sequences = walks(4, 6, timed=False)
    with pytest.raises(InvalidInputError, match="needs a timestamp column"):
        leave_last_out(sequences, ItemTable.bare(sequences.item_ids))


def test_a_given_split_keeps_users_and_items_that_only_the_test_knows() -> None:
    train = pa.table({"user_id": ["a", "b"], "item_id": ["x", "y"]})
    test = pa.table({"user_id": ["a", "c"], "item_id": ["z", "x"]})
    split = given_split(train, test)
    assert split.train.items == 3
    assert [len(history) for history in split.histories] == [1, 0]
    assert not split.train.ordered
    result = run(split, models="popular,item_knn,sequential", ks=[1, 10], budget_seconds=5)
    assert result.users == 2
    assert all(row is not None and row["recall@10"] == 1.0 for row in result.models.values())


def test_cold_users_and_items_are_nowhere_in_training() -> None:
    sequences = walks(60, 8)
    split = cold(sequences, ItemTable.bare(sequences.item_ids), seed=1)
    assert (split.train.counts() == 0).sum() >= 3
    assert (split.train.lengths == 0).sum() >= 6
    assert split.segments["history_0"].sum() == 6
    assert split.segments["history_1"].sum() == 6


def test_a_model_that_cannot_be_trained_is_null_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from training.models import ease

    def refuse(*_: object, **__: object) -> None:
        raise InvalidInputError("items", "too many")

    monkeypatch.setattr(ease, "fit", refuse)
    sequences = walks(12, 8)
    result = run(leave_last_out(sequences, ItemTable.bare(sequences.item_ids)), models="ease,popular", ks=[5])
    assert result.models["ease"] is None
    assert result.reasons == {"ease": "items: too many"}
    assert result.models["popular"] is not None


@pytest.mark.parametrize(("models", "budget"), [("two_towers", 10.0), ("", 10.0), ("popular", 0.0)])
def test_unknown_models_and_no_budget_are_refused(models: str, budget: float) -> None:
    sequences = walks(12, 8)
    split = leave_last_out(sequences, ItemTable.bare(sequences.item_ids))
    with pytest.raises(InvalidInputError):
        run(split, models=models, budget_seconds=budget)
