"""``headwater bench ann``: recall@1000 against exact search, and latency, of every nearest-neighbour library.

``--items N`` (repeatable) sets the catalogue sizes, default 10,000, 100,000 and 1,000,000; ``--libraries`` picks among
the libraries, default all, above a million items the one that a release would get: graphs take hours to build.
Vectors are clustered, unit length, 64 wide; a query is the mean of three items, as far from any item as a user tower's
output. One thread, one query at a time.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.result import Figure, percentiles
from pipeline import ann_library
from pipeline.ann import AnnIndex, ExactIndex

SIZE, COUNT, SEED = 64, 1000, 7
SIZES = (10_000, 100_000, 1_000_000)
ALL_UP_TO = 1_000_000
"""Items up to which every library is measured that no option picks."""


def vectors(items: int, size: int = SIZE) -> npt.NDArray[np.float32]:
    """float32[items, size] around one centre per 200 items (at least 50)."""
    random = np.random.default_rng(SEED)
    centres = random.standard_normal((max(50, items // 200), size), dtype=np.float32)
    made = np.empty((items, size), np.float32)
    for start in range(0, items, 100_000):
        n = min(100_000, items - start)
        noise = 0.6 * random.standard_normal((n, size), dtype=np.float32)
        made[start : start + n] = centres[random.integers(0, len(centres), n)] + noise
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def measure(index: AnnIndex, queries: npt.NDArray[np.float32]) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[Any]]:
    """Rows found and milliseconds of each query, after a warm-up."""
    for query in queries[:10]:
        index.search(query, COUNT)
    found, spent = [], []
    for query in queries:
        began = time.perf_counter()
        rows = index.search(query, COUNT).rows
        spent.append((time.perf_counter() - began) * 1000)
        found.append(rows)
    return found, np.array(spent)


def run(argv: list[str]) -> list[Figure]:
    """Measures and returns one row a figure."""
    parser = argparse.ArgumentParser(prog="headwater bench ann")
    parser.add_argument("--items", type=int, action="append", help="catalogue size, repeatable")
    parser.add_argument("--libraries", help=f"some of {','.join(ann_library.LIBRARIES)}")
    parser.add_argument("--queries", type=int, default=100)
    options = parser.parse_args(argv)
    rows: list[Figure] = []
    for items in options.items or SIZES:
        table = vectors(items)
        random = np.random.default_rng(SEED + 1)
        queries = table[random.integers(0, items, (options.queries, 3))].mean(axis=1)
        truth, exact = measure(ExactIndex(table), queries)
        for library in options.libraries.split(",") if options.libraries else _measured(items):
            sys.stderr.write(f"{library}, {items:,} items\n")
            rows += _one(library, items, table, queries, truth, exact)
    return rows


def _measured(items: int) -> tuple[str, ...]:
    return ann_library.LIBRARIES if items <= ALL_UP_TO else (ann_library.default_library(items),)


def _one(
    library: str,
    items: int,
    table: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    truth: list[npt.NDArray[np.int32]],
    exact: npt.NDArray[Any],
) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        ann_library.build(table, Path(folder), library)
        built = time.perf_counter() - began
        found, spent = measure(ann_library.load(Path(folder), table), queries)
    recall = float(np.mean([len(np.intersect1d(f, t)) / len(t) for f, t in zip(found, truth, strict=True)]))
    prefix = f"ann_{library}_{items}"
    return [
        Figure(f"{prefix}_recall_at_1000", recall, "share", "exact", 1.0),
        Figure(f"{prefix}_build_seconds", built, "s"),
        *percentiles(prefix, spent.tolist(), "exact", exact.tolist()),
    ]
