"""Draws of many rows at once."""

import numpy as np
import pytest

from simulator.randomness import choose_in_rows


def test_columns_are_chosen_as_often_as_the_softmax_says() -> None:
    shares = np.array([0.6, 0.3, 0.1])
    logits = np.broadcast_to(np.log(shares).astype(np.float32), (100_000, 3))
    chosen = choose_in_rows(logits, np.random.default_rng(3))
    assert np.bincount(chosen, minlength=3) / 100_000 == pytest.approx(shares, abs=0.01)


def test_a_draw_of_zero_raises_no_alarm() -> None:
    class Zeros(np.random.Generator):
        def standard_exponential(self, size, dtype, method="zig", out=None):  # type: ignore[no-untyped-def, override]
            del method, out
            drawn = np.ones(size, dtype)
            drawn[:, 1] = 0
            return drawn

    logits = np.zeros((2, 3), np.float32)
    assert choose_in_rows(logits, Zeros(np.random.PCG64(1))).tolist() == [1, 1]
