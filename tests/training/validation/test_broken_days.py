"""A broken day stops before training, and its error says which expectation failed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from contracts.events import Action, Interaction
from training.validation.broken import BrokenDataError
from training.validation.checkpoint import validate
from training.validation.facts import lake_facts
from training.validation.suites import Limits, interactions, training_rows
from training.validation.suites import lake_facts as facts_suite

END = datetime(2026, 3, 31, tzinfo=UTC)
LIMITS = Limits(min_rows=100)


def _kept(users: list[str]) -> pa.Table:
    n = len(users)
    rows = {
        "event_id": [f"e{i}" for i in range(n)],
        "user_id": users,
        "item_id": [f"i{i % 50}" for i in range(n)],
        "action": ["click"] * n,
        "timestamp": [END - timedelta(minutes=i + 1) for i in range(n)],
        "source": ["import"] * n,
        "origin": ["file"] * n,
    }
    nothing = {name: [None] * n for name in Interaction.model_fields if name not in rows}
    return pa.table(rows | nothing, schema=Interaction.arrow_schema())


GOOD = [f"u{i % 40}" for i in range(200)]


def _judge(kept: pa.Table, dropped: dict[str, int], tmp_path: Path, end: datetime = END) -> str:
    return validate("lake", lake_facts(kept, dropped, end), facts_suite(LIMITS), tmp_path)


def test_a_sound_day_passes_and_its_docs_are_there(tmp_path: Path) -> None:
    page = _judge(_kept(GOOD), {"duplicate": 20}, tmp_path)
    assert Path(page.removeprefix("file://")).is_file()


@pytest.mark.parametrize(
    ("users", "dropped", "late", "failed"),
    [
        ([], {}, 0, "the interval has interactions"),
        ([], {"per_minute": 5000}, 0, "enough interactions are left"),
        (GOOD, {"duplicate": 190}, 0, "few rows are repeated"),
        (GOOD, {"contract": 900}, 0, "cleaning drops the lesser part"),
        (GOOD[:120] + ["whale"] * 80, {}, 0, "no single user makes most of the rows"),
        (GOOD, {}, 5, "the newest rows belong to this interval"),
    ],
)
def test_a_broken_day_names_what_failed(
    users: list[str], dropped: dict[str, int], late: int, failed: str, tmp_path: Path
) -> None:
    with pytest.raises(BrokenDataError, match=failed) as broken:
        _judge(_kept(users), dropped, tmp_path, END + timedelta(days=late))
    assert "\n" not in str(broken.value)


def test_rows_outside_their_contract_are_named(tmp_path: Path) -> None:
    frame = _kept(GOOD).to_pandas()
    suite = interactions([action.value for action in Action], END - timedelta(days=30), END)
    validate("interactions", frame, suite, tmp_path)
    frame.loc[3, "action"] = "stare"
    frame.loc[4, "user_id"] = None
    frame.loc[5, "timestamp"] = END + timedelta(days=1)
    with pytest.raises(BrokenDataError) as broken:
        validate("interactions", frame, suite, tmp_path)
    assert [failure.split(" (")[0].split(" failed on ")[1] for failure in broken.value.failures] == [
        "user_id",
        "action",
        "timestamp",
    ]


@pytest.mark.parametrize(("column", "value"), [("count", np.nan), ("count", -1.0), ("label", 2), ("user_id", None)])
def test_a_broken_training_set_is_named(column: str, value: object, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"user_id": ["u"] * 10, "item_id": ["i"] * 10, "label": [0, 1] * 5, "count": np.ones(10, np.float32)}
    )
    validate("training set", frame, training_rows(["count"], LIMITS, both_labels=True), tmp_path)
    frame.loc[2, column] = value
    with pytest.raises(BrokenDataError, match=column):
        validate("training set", frame, training_rows(["count"], LIMITS, both_labels=True), tmp_path)


def test_labels_that_are_all_alike_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user_id": ["u"], "item_id": ["i"], "label": [0], "count": np.ones(1, np.float32)})
    with pytest.raises(BrokenDataError, match="label"):
        validate("training set", frame, training_rows(["count"], LIMITS, both_labels=True), tmp_path)
