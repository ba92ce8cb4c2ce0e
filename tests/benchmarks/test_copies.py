"""The damaged release of ``headwater bench loop`` prefers what the original likes least."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.loop.copies import turn_round
from contracts.errors import NotFoundError
from pipeline.lambdamart import LambdaMart
from pipeline.ranking_columns import RANKING_FEATURES
from tests.training.rankers.test_rankers import examples_of
from training.rankers import lambdamart
from training.rankers.blend import fit_blend
from training.rankers.examples import Examples
from training.rankers.settings import LambdaMartSettings


@pytest.mark.parametrize("blended", [True, False])
def test_every_score_changes_its_sign(tmp_path: Path, *, blended: bool) -> None:
    examples: Examples = examples_of(100)
    blend = fit_blend(examples) if blended else None
    lambdamart.fit(examples, blend=blend, settings=LambdaMartSettings(trees=5, least_in_leaf=5)).export(tmp_path)
    table = np.random.default_rng(3).standard_normal((50, len(RANKING_FEATURES))).astype(np.float32)
    before = _scores(tmp_path, table)
    turn_round(tmp_path)
    assert np.ptp(before) > 0.01
    np.testing.assert_allclose(_scores(tmp_path, table), -before, rtol=1e-4, atol=1e-5)


def _scores(release: Path, table: np.ndarray) -> np.ndarray:
    forest = LambdaMart.of_release(release)
    assert forest is not None
    return forest.predict(table)


def test_a_release_without_the_ranker_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="LambdaMART"):
        turn_round(tmp_path)
