"""Replaying in processes gives what one process gives."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.rankers.test_rankers import sequences_of
from training.datasets.items import ItemTable
from training.models import item_knn, sequential
from training.rankers import replayer
from training.rankers.examples import Examples
from training.rankers.labelling import before_labels, label_by
from training.rankers.settings import ExampleSettings
from training.rankers.source_files import write_sources

SETTINGS = ExampleSettings(groups=90, top=10, candidates=40, blend_groups=30, tail=5, short_share=0.2)


def _labelled(folder: Path) -> Examples:
    train = sequences_of(users=60, length=12)
    before, items = before_labels(train, SETTINGS), ItemTable.bare(train.item_ids)
    fitted = {"item_knn": item_knn.fit(before, items), "sequential": sequential.fit(before, items)}
    write_sources(folder, before, items, fitted)
    return label_by(folder, None, train, SETTINGS, seed=7)[0]


def test_processes_and_their_number_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _labelled(tmp_path / "alone")
    monkeypatch.setattr(replayer, "LEAST", 1)
    monkeypatch.setattr(replayer, "AT_ONCE", 20)
    monkeypatch.setattr(replayer, "cpu_count", lambda: 2)
    shared = _labelled(tmp_path / "shared")
    assert len(alone.group) > 40
    for name in ("features", "labels", "rows", "group", "nows", "validates"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(alone, name), name)
