"""What is expected of a day's data, as declarations of Great Expectations.

Each suite judges one row of facts or one table; both are pandas frames, however large the lake is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import great_expectations as gx
from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True)
class Limits:
    """``min_rows`` interactions left by cleaning; ``max_user_share`` of all rows may come from one user, for windows
    of at least ``share_from`` rows; ``max_dropped_share`` and ``max_duplicate_share`` of the raw rows;
    ``max_silence_days`` between the newest row and the end of the interval; ``max_positive_share`` of the labels of at
    least ``mixed_from`` impressions, of which one at least must be clicked: of so many nobody clicks one in 150 times
    where one in a thousand is clicked, while a new installation has shown a page or two to somebody who looked on.
    """

    min_rows: int = 1000
    min_users: int = 5
    min_items: int = 5
    max_user_share: float = 0.2
    max_dropped_share: float = 0.5
    max_duplicate_share: float = 0.3
    max_silence_days: float = 2.0
    max_positive_share: float = 0.95
    mixed_from: int = 5000


def _at_least(column: str, low: float, meaning: str) -> Expectation:
    return gx.expectations.ExpectColumnValuesToBeBetween(column=column, min_value=low, meta={"meaning": meaning})


def _at_most(column: str, high: float, meaning: str) -> Expectation:
    return gx.expectations.ExpectColumnValuesToBeBetween(column=column, max_value=high, meta={"meaning": meaning})


def lake_facts(limits: Limits) -> list[Expectation]:
    """For the single row of facts that ``training.validation.facts.lake_facts`` computes."""
    return [
        _at_least("rows", 1, "the interval has interactions"),
        _at_least("kept_rows", limits.min_rows, "enough interactions are left after cleaning"),
        _at_least("users", limits.min_users, "enough users are left after cleaning"),
        _at_least("items", limits.min_items, "enough items are left after cleaning"),
        _at_most("dropped_share", limits.max_dropped_share, "cleaning drops the lesser part of the rows"),
        _at_most("duplicate_share", limits.max_duplicate_share, "few rows are repeated"),
        _at_most("top_user_share", limits.max_user_share, "no single user makes most of the rows"),
        _at_most("silence_days", limits.max_silence_days, "the newest rows belong to this interval"),
    ]


def interactions(actions: Sequence[str], start: object, end: object) -> list[Expectation]:
    """For the cleaned interactions of [start, end]."""
    text = ("event_id", "user_id", "item_id")
    return [
        *(gx.expectations.ExpectColumnValuesToNotBeNull(column=column) for column in (*text, "action", "timestamp")),
        *(gx.expectations.ExpectColumnValueLengthsToBeBetween(column=column, min_value=1) for column in text[1:]),
        gx.expectations.ExpectColumnValuesToBeInSet(column="action", value_set=list(actions)),
        # Of a column's least and greatest value: row by row, bounds on a table cost a call of Python a cell.
        gx.expectations.ExpectColumnMinToBeBetween(column="timestamp", min_value=start),
        gx.expectations.ExpectColumnMaxToBeBetween(column="timestamp", max_value=end),
    ]


def training_rows(features: Sequence[str], limits: Limits, *, both_labels: bool) -> list[Expectation]:
    """For the training set: features are finite counts, labels are 0 or 1 (and, where stated, both occur)."""
    mixed = gx.expectations.ExpectColumnMeanToBeBetween(
        column="label", min_value=0.0, strict_min=True, max_value=limits.max_positive_share
    )
    return [
        gx.expectations.ExpectTableRowCountToBeBetween(min_value=1),
        gx.expectations.ExpectColumnValuesToBeInSet(column="label", value_set=[0, 1]),
        *([mixed] if both_labels else []),
        gx.expectations.ExpectColumnValuesToNotBeNull(column="user_id"),
        gx.expectations.ExpectColumnValuesToNotBeNull(column="item_id"),
        *(gx.expectations.ExpectColumnValuesToNotBeNull(column=feature) for feature in features),
        *(gx.expectations.ExpectColumnMinToBeBetween(column=feature, min_value=0.0) for feature in features),
    ]
