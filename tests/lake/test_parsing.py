"""Whole columns as the contract wants them, whatever they are made of."""

from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contracts.rows import Id
from lake.chunks import Chunk
from lake.mapping import Mapping
from lake.parsing import as_categories, as_number, as_text, as_time
from lake.row_contract import RowContract

LATEST = 1_780_000_000.0
moments = st.datetimes(datetime(1980, 1, 1), datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(["iso", "zulu", "ms"]))
def test_every_spelling_of_a_time_is_the_same_moment(times: list[datetime], spelling: str) -> None:
    aware = [time.replace(tzinfo=UTC, microsecond=time.microsecond // 1000 * 1000) for time in times]
    forms: dict[str, Callable[[datetime], str]] = {
        "iso": lambda time: time.isoformat(),
        "zulu": lambda time: time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "ms": lambda time: str(round(time.timestamp() * 1000)),
    }
    parsed, unread = as_time(pa.array([forms[spelling](time) for time in aware]))
    assert parsed.to_pylist() == aware
    assert not any(unread.to_pylist())


def test_one_bad_time_spoils_no_other() -> None:
    parsed, unread = as_time(pa.array(["2020-01-01", "soon", None, "1577836800", "2020-01-01T01:00:00+01:00", ""]))
    new_year = datetime(2020, 1, 1, tzinfo=UTC)
    assert parsed.to_pylist() == [new_year, None, None, new_year, new_year, None]
    assert unread.to_pylist() == [False, True, False, False, False, False]


@pytest.mark.parametrize("huge", [1e300, float("inf"), -1e300])
def test_a_number_that_is_no_time_is_a_fault(huge: float) -> None:
    parsed, unread = as_time(pa.array([huge, 1.7e9]))
    assert parsed.is_null().to_pylist() == unread.to_pylist() == [True, False]


def test_numbers_and_texts_of_any_type() -> None:
    numbers, broken = as_number(pa.array(["1.5", "", "nan", "x", "inf", None]))
    assert numbers.to_pylist()[:3] == [1.5, None, None]
    assert broken.to_pylist() == [False, False, False, True, True, False]
    assert as_text(pa.array([3.0, 2.5, float("nan"), None])).to_pylist() == ["3", "2.5", "nan", None]
    assert as_text(pa.array([True, None])).to_pylist() == ["true", None]
    assert as_categories(pa.array(["a| b|", None, ""])).to_pylist() == [["a", "b"], [], []]
    assert as_categories(pa.array([["a", None], None])).to_pylist() == [["a"], []]


@given(st.lists(st.text(max_size=6), min_size=1, max_size=12))
def test_an_accepted_id_is_an_id_of_the_contract(names: list[str]) -> None:
    count = len(names)
    rows = pa.table({"user_id": pa.array(names, pa.string()), "item_id": ["i"] * count, "timestamp": [1.7e9] * count})
    checked = RowContract("interactions", Mapping(), LATEST).check(Chunk(rows, pa.array(range(count), pa.int64())))
    accepted = set(checked.accepted["line"].to_pylist())
    assert accepted | {line for line, _, _, _ in checked.faults} == set(range(count))
    assert len(accepted) + len(checked.faults) == count
    for line, name in enumerate(names):
        try:
            TypeAdapter(Id).validate_python(name)
            sound = name.strip().lower() != "nan" and not (name[0] == "-" and name[1:].isascii() and name[1:].isdigit())
        except ValidationError:
            sound = False
        assert (line in accepted) == sound
