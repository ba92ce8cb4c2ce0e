"""What is asked on the holdout: nothing of the answer is told, and features are those of that moment."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.user import History
from tests.training.jobs.finished import actions, cleaned, done, new_run
from training.jobs.dataset import FEATURES, DataSet, actions_in_order, load, user_features
from training.jobs.outputs import ACTIONS, IMPRESSIONS
from training.jobs.questions import ask, segments
from training.jobs.rankers import shown_pages
from training.jobs.run import Run
from training.rankers.pages import page_requests
from training.rankers.past_requests import past_requests, users_asked
from training.rankers.settings import ExampleSettings


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose training set says of every action its own number, in every feature."""
    run = new_run(tmp_path)
    cleaned(run, actions(users=40, each=12, items=30))
    table = actions_in_order(run)
    rows = np.arange(len(table))
    features = {name: pa.array(rows, pa.float32()) for name in FEATURES}
    pq.write_table(pa.table({"row": rows, **features}), done(run, "training_set") / ACTIONS)
    return run


@pytest.fixture
def data(run: Run) -> DataSet:
    return load(run)


def test_the_answer_is_new_later_than_the_history_and_in_the_holdout(run: Run, data: DataSet) -> None:
    asked = ask(data, user_features(run, data), 7)
    assert len(asked) == len(set(asked.users.tolist())) > 10
    assert (asked.now >= data.cut).all()
    for at, history in enumerate(asked.histories):
        (target,) = asked.targets.rows[asked.targets.indptr[at] : asked.targets.indptr[at + 1]]
        assert target not in history.rows
        assert (history.times < asked.now[at]).all()
        place = int(asked.features[at, 0])
        assert (data.everything.rows[place], data.everything.times[place]) == (target, asked.now[at])
        assert data.everything.user_of[place] == asked.users[at]


def test_equal_seeds_ask_equal_questions_and_not_more_than_allowed(run: Run, data: DataSet) -> None:
    known = user_features(run, data)
    one, two = ask(data, known, 7), ask(data, known, 7)
    assert np.array_equal(one.users, two.users)
    assert np.array_equal(one.now, two.now)
    assert len(ask(data, known, 7, most=3)) == 3
    masks = segments(data, one)
    assert all(mask.shape == (len(one),) for mask in masks.values())


def test_past_requests_are_told_the_features_of_their_moment(run: Run, data: DataSet) -> None:
    class Remembering:
        """A tower that keeps what it was asked."""

        features: np.ndarray

        def vectors(
            self, histories: Sequence[History], now: np.ndarray, features: np.ndarray | None = None
        ) -> np.ndarray:
            assert features is not None
            assert len(histories) == len(now)
            self.features = features
            return np.zeros((len(now), 2), np.float32)

    tower, settings = Remembering(), ExampleSettings(history=4, short_share=0)
    known = user_features(run, data).keep(data.everything.times < data.cut)
    requests = past_requests(data.train, tower, settings, 7, known)
    places = tower.features[:, 0].astype(int)
    assert len(places) == len(requests) > 0
    for place, request in zip(places, requests, strict=True):
        assert data.everything.times[place] == request.user.now
        assert data.everything.rows[place] == request.wanted[0]
        assert len(request.user.history) <= 4


def test_a_page_teaches_only_what_the_sources_have_not_seen(run: Run, data: DataSet) -> None:
    settings = ExampleSettings()
    users, validating = users_asked(data.train, settings, 7)
    pages, last = [], {}
    for u in users:
        span = slice(int(data.train.indptr[u]), int(data.train.indptr[u + 1]))
        for place in range(span.start, span.stop):
            clicked = data.train.rows[place]
            others = [row for row in range(30) if row not in data.train.rows[span]][:3]
            for position, row in enumerate([*others, clicked], start=1):
                pages.append((f"r{place}", u, row, position, data.train.times[place] - 1, int(row == clicked)))
            last[place] = place >= span.stop - settings.targets and u not in validating
    moment = pa.timestamp("us", tz="UTC")
    table = pa.table(
        {
            "request_id": [page[0] for page in pages],
            "user_id": [data.train.user_ids[page[1]] for page in pages],
            "item_id": [data.train.item_ids[page[2]] for page in pages],
            "position": pa.array([page[3] for page in pages], pa.int32()),
            "timestamp": pa.array([round(page[4] * 1e6) for page in pages], pa.int64()).cast(moment),
            "label": pa.array([page[5] for page in pages], pa.int32()),
            **{name: pa.array([1.0] * len(pages), pa.float32()) for name in FEATURES},
        }
    )
    pq.write_table(table, run.output("training_set") / IMPRESSIONS)
    shown = shown_pages(run, data)
    assert shown is not None
    assert len(shown) == len(last)
    found = page_requests(shown, data.train, None, settings, 7)
    assert len(found) == sum(last.values()) > 0
    for request in found:
        assert request.labels.tolist() == [0, 0, 0, 1]
        assert request.positions.tolist() == [1, 2, 3, 4]
        assert request.rows[3] not in request.user.history.rows
    assert len(page_requests(shown, data.train, None, ExampleSettings(pages=2), 7)) == 2


def test_without_impressions_there_are_no_pages(run: Run, data: DataSet) -> None:
    columns = {"request_id": pa.string(), "user_id": pa.string(), "item_id": pa.string(), "position": pa.int32()}
    types = columns | {"timestamp": pa.timestamp("us", tz="UTC"), "label": pa.int32()}
    types |= dict.fromkeys(FEATURES, pa.float32())
    empty = pa.table({name: pa.array([], kind) for name, kind in types.items()})
    pq.write_table(empty, run.output("training_set") / IMPRESSIONS)
    assert shown_pages(run, data) is None
