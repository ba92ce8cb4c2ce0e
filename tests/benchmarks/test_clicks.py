"""Clicks are sent in the order of time, each once, and expected as they were sent."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.clicks import LIST, read


def test_every_click_is_sent_once_in_the_order_of_time_and_expected_of_its_user(tmp_path: Path) -> None:
    count = 2 * LIST + 7
    columns = {
        "user_id": [n % 3 for n in range(count)],
        "click_article_id": [n % 11 for n in range(count)],
        "click_timestamp": [1_700_000_000_000 + 1000 * (count - n) for n in range(count)],
    }
    pq.write_table(pa.table(columns), tmp_path / "clicks.parquet")
    clicks = read(tmp_path / "clicks.parquet", None)
    sent = [event for body in clicks.bodies() for event in json.loads(body)]
    times = [event["timestamp"] for event in sent]
    assert (len(sent), len({event["event_id"] for event in sent})) == (count, count)
    assert times == sorted(times)
    expected = clicks.histories()
    assert sum(len(acts) for acts in expected.values()) == count
    first = sent[0]
    assert expected[first["user_id"]][0][1] == first["item_id"]


def test_no_more_than_asked_for_are_read_the_earliest_first(tmp_path: Path) -> None:
    columns = {"user_id": [1, 2, 3], "click_article_id": [4, 5, 6], "click_timestamp": [30, 10, 20]}
    pq.write_table(pa.table(columns), tmp_path / "clicks.parquet")
    assert read(tmp_path / "clicks.parquet", 2).users.tolist() == [2, 3]
    assert len(read(None, 50).users) == 50
