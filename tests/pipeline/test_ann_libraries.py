"""The same promises for every nearest-neighbour library."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from contracts.errors import InvalidInputError
from pipeline import ann_library
from pipeline.ann import AnnIndex, ExactIndex

ITEMS, SIZE = 6_000, 32
LIBRARIES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(name == "scann" and sys.platform != "linux", reason="has wheels for Linux only"),
    )
    for name in ann_library.LIBRARIES
]


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    random = np.random.default_rng(7)
    centres = random.standard_normal((60, SIZE))
    points = centres[random.integers(0, 60, ITEMS)] + 0.5 * random.standard_normal((ITEMS, SIZE))
    unit: np.ndarray = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module", params=LIBRARIES)
def index(request: pytest.FixtureRequest, vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> AnnIndex:
    directory = tmp_path_factory.mktemp(request.param)
    settings = ann_library.build(vectors, directory, request.param)
    assert settings["library"] == request.param
    return ann_library.load(directory, vectors)


def test_finds_what_exact_search_finds(index: AnnIndex, vectors: np.ndarray) -> None:
    exact = ExactIndex(vectors)
    random = np.random.default_rng(11)
    recalls = []
    for _ in range(30):
        query = vectors[random.integers(0, ITEMS, 3)].mean(axis=0)
        found, truth = index.search(query, 200), exact.search(query, 200)
        recalls.append(len(np.intersect1d(found.rows, truth.rows)) / 200)
    assert np.mean(recalls) >= 0.97


def test_gives_inner_products_best_first_without_repetition(index: AnnIndex, vectors: np.ndarray) -> None:
    for row in range(17, ITEMS, ITEMS // 200):
        query = 3.0 * vectors[row]
        found = index.search(query, 100)
        assert found.rows.dtype == np.int32
        assert found.scores.dtype == np.float32
        assert len(np.unique(found.rows)) == len(found.rows) == 100
        assert found.rows[0] == row
        assert (np.diff(found.scores) <= 1e-6).all()
        np.testing.assert_allclose(found.scores, vectors[found.rows] @ query, atol=1e-3)


def test_asked_for_more_than_there_is_gives_what_there_is(index: AnnIndex) -> None:
    found = index.search(np.ones(SIZE, np.float32), ITEMS * 2)
    assert 0 < len(found.rows) <= ITEMS


def test_many_threads_get_the_same_answer(index: AnnIndex, vectors: np.ndarray) -> None:
    alone = [index.search(vector, 50).rows for vector in vectors[:100]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda vector: index.search(vector, 50).rows, vectors[:100]))
    for left, right in zip(alone, together, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_damaged_index_is_refused(library: str, vectors: np.ndarray, tmp_path: Path) -> None:
    ann_library.build(vectors[:500], tmp_path, library)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InvalidInputError):
        ann_library.load(tmp_path, vectors[:500])


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_index_built_in_a_staging_folder_answers_where_it_was_moved_to(
    library: str, vectors: np.ndarray, tmp_path: Path
) -> None:
    staging, final = tmp_path / ".staging" / "r1", tmp_path / "releases" / "r1"
    ann_library.build(vectors, staging / "ann", library)
    final.parent.mkdir()
    staging.rename(final)
    found = ann_library.load(final / "ann", vectors).search(vectors[17], 10)
    assert found.rows[0] == 17
    np.testing.assert_allclose(found.scores, vectors[found.rows] @ vectors[17], atol=1e-3)


def test_the_default_from_five_thousand_items_on_is_an_index(vectors: np.ndarray, tmp_path: Path) -> None:
    assert ann_library.build(vectors, tmp_path)["library"] == ann_library.default_library(ITEMS) != "exact"
    assert ann_library.load(tmp_path, vectors).search(vectors[3], 1000).rows[0] == 3


def test_an_index_over_other_vectors_is_refused(vectors: np.ndarray, tmp_path: Path) -> None:
    ann_library.build(vectors[:500], tmp_path, "exact")
    with pytest.raises(InvalidInputError, match="500"):
        ann_library.load(tmp_path, vectors)


def test_an_unknown_library_is_refused(vectors: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="annoy"):
        ann_library.build(vectors, tmp_path, "annoy")
    (tmp_path / "ann.json").write_text(json.dumps({"library": "annoy", "items": ITEMS, "size": SIZE, "parameters": {}}))
    with pytest.raises(InvalidInputError, match="annoy"):
        ann_library.load(tmp_path, vectors)


def test_small_catalogues_are_compared_in_full() -> None:
    assert ann_library.default_library(5) == "exact"
    assert ann_library.default_library(100_000) != "exact"


def test_scann_comes_without_tensorflow() -> None:
    code = "import sys\nfrom pipeline import ann_scann\nann_scann._pybind()\nprint('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
