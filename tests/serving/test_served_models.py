"""The user tower behind the model server's protocol."""
# ruff: noqa: ARG002 (a fake has the signatures of the port it stands for)

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.user import History
from serving.gateway.served_models import ServedTower


class Calls:
    """Answers with the number of the call."""

    def __init__(self) -> None:
        self.features: list[list[float]] = []

    def predict(
        self,
        model: str,
        version: int,
        inputs: Mapping[str, npt.NDArray[Any]],
        output: str,
        timeout: float,
    ) -> npt.NDArray[Any]:
        self.features.append(inputs["features"][0].tolist())
        return np.full((1, 2), len(self.features), np.float32)

    def input_widths(self, model: str, version: int, timeout: float) -> dict[str, int]:
        return {"features": 1}


def test_all_newcomers_share_one_call_and_nobody_else_does() -> None:
    calls = Calls()
    tower = ServedTower(calls, 1, ["actions_7d"])
    nothing, one = History.empty(), History(np.array([3], np.int32), np.array([2], np.int8), np.array([1.7e9]))
    assert tower.vector(nothing, {}, 1.7e9, 1.0)[0] == 1
    assert tower.vector(nothing, {"unread": 1.0}, 1.8e9, 1.0)[0] == 1
    assert tower.vector(nothing, {"actions_7d": 5.0}, 1.8e9, 1.0)[0] == 2
    assert tower.vector(one, {}, 1.8e9, 1.0)[0] == 3
    assert np.isnan(calls.features[0][0])
    assert calls.features[1] == [5.0]
