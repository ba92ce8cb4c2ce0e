import random
from collections import Counter
from typing import Any

import pytest
from pyspark.sql import SparkSession

from tests.training.etl.rows import at, frame, interaction
from training.etl.abuse import AbuseRules
from training.etl.clean import clean

RULES = AbuseRules()


def _cleaned(spark: SparkSession, rows: list[dict[str, Any]]) -> tuple[set[str], Counter[tuple[str, str]]]:
    cleaned = clean(frame(spark, rows), at(0), at(30), RULES)
    kept = {row.event_id for row in cleaned.kept.collect()}
    dropped = Counter((row.user_id, row.reason) for row in cleaned.dropped.collect())
    cleaned.abusers.unpersist()
    return kept, dropped


def _rater(user: str, films: int) -> list[dict[str, Any]]:
    """Somebody who rates page after page in one sitting, a page of ratings within one second."""
    chance = random.Random(7)
    rows, second = [], 0.0
    for number in range(films):
        if number % 5 == 0:
            second += chance.expovariate(1 / 40)
        rows.append(interaction(user, f"film{number}", at(1, 20, int(second))))
    return rows


def test_breaking_rows_duplicates_and_rows_outside_the_window_are_dropped_with_their_reason(
    spark: SparkSession,
) -> None:
    good = interaction("u", "i1", at(1))
    rows = [
        good,
        good | {"origin": "file:later", "item_id": "other"},
        interaction("u", "i2", at(1), action="stare"),
        interaction("u", "", at(1)),
        interaction("u", "i3", at(1), value=float("nan")),
        interaction("u", "i4", at(-1)),
        interaction("u", "i5", at(30)),
    ]
    kept, dropped = _cleaned(spark, rows)
    assert kept == {good["event_id"]}
    assert dropped == {("u", "contract"): 3, ("u", "duplicate"): 1, ("u", "outside_window"): 2}


def test_two_users_may_number_their_events_alike(spark: SparkSession) -> None:
    first, second = (interaction(user, "i1", at(1)) | {"event_id": "1"} for user in ("u", "v"))
    repeated = first | {"origin": "file:later"}
    kept, dropped = _cleaned(spark, [first, second, repeated])
    assert (kept, dropped) == ({"1"}, {("u", "duplicate"): 1})


def test_bots_are_dropped_whole_and_people_stay(spark: SparkSession) -> None:
    chance = random.Random(1)
    bots = {
        "per_minute": [interaction("minute", f"i{n}", at(1, 0, n * 0.3)) for n in range(200)],
        "per_hour": [interaction("hour", f"i{n}", at(2, 0, n * 2 + chance.random() * 1.9)) for n in range(1600)],
        "round_the_clock": [interaction("clock", f"i{n}", at(3, n % 24, chance.randint(0, 3500))) for n in range(240)],
        "regular_intervals": [interaction("timer", f"i{n}", at(4, 0, n * 60 + chance.random())) for n in range(61)],
        "too_fast": [interaction("spammer", f"i{n}", at(5, n // 10 * 1.7, 0.4 * (n % 10))) for n in range(100)],
        "one_item": [interaction("fan", "i0", at(chance.random() * 20)) for _ in range(40)],
    }
    rules = {name: rows[0]["user_id"] for name, rows in bots.items()}
    people = [*_rater("rater", 400), interaction("guest", "i1", at(5))]
    kept, dropped = _cleaned(spark, [*people, *(row for rows in bots.values() for row in rows)])
    assert kept == {row["event_id"] for row in people}
    assert dropped == {(rules[name], name): len(rows) for name, rows in bots.items()}


def test_a_day_with_no_rows_cleans_to_nothing(spark: SparkSession) -> None:
    assert _cleaned(spark, []) == (set(), Counter())


@pytest.mark.parametrize("reasons", [["per_day"]])
def test_the_threshold_itself_is_too_much(spark: SparkSession, reasons: list[str]) -> None:
    rules = AbuseRules(per_day=3)
    rows = [interaction("two", f"i{n}", at(1, n)) for n in range(2)]
    rows += [interaction("three", f"i{n}", at(1, n)) for n in range(3)]
    cleaned = clean(frame(spark, rows), at(0), at(30), rules)
    assert {(row.user_id, row.reason) for row in cleaned.dropped.collect()} == {("three", reason) for reason in reasons}
