"""Step assemble: one directory in the layout of a release from what the training steps wrote, and the index over its
item vectors. Files are hard links."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import ann_library
from training.jobs.outputs import CURVES, EARLIER, EASE
from training.jobs.run import DONE, Run

PARTS = ("train_item_models", "train_als", "train_two_tower", "train_rankers")
_LEFT_OUT = (DONE, "scratch", CURVES, EARLIER, EASE, "metastore_db", "derby.log")


def assemble(run: Run, out: Path) -> Mapping[str, Any]:
    """Writes ``release/``. Report: parts, bytes, ann (library and parameters, empty without a two-tower)."""
    release = out / "release"
    for part in PARTS:
        linked(run.output(part), release)
    vectors = release / "vectors" / "items.npy"
    ann = ann_library.build(np.load(vectors), release / "ann") if vectors.is_file() else {}
    size = sum(path.stat().st_size for path in release.rglob("*") if path.is_file())
    return {"parts": list(PARTS), "bytes": size, "ann": ann}


def linked(source: Path, target: Path) -> None:
    """What is part of a release under ``source``, beside what ``target`` holds already."""
    shutil.copytree(
        source,
        target,
        copy_function=lambda one, other: Path(other).hardlink_to(one),
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns(*_LEFT_OUT),
    )
