"""Releases whose rank among each other is known: a copy, and a copy whose ranker is damaged."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from contracts.errors import NotFoundError
from contracts.release import SERVING_MODELS, Manifest
from pipeline.blend import Blend
from pipeline.lambdamart import BLEND, MODEL, TREES
from releases.store import ReleaseStore


def copied(store: ReleaseStore, original: str, identifier: str, *, damaged: bool) -> str:
    """Publishes a copy of ``original`` under ``identifier``; where ``damaged`` its ranker prefers the worst. Returns
    the id. Raises NotFoundError for a release without the ranker that can be damaged."""
    source, manifest = store.open(original), store.manifest(original)
    staging = store.stage(identifier)
    for name in sorted(manifest.files):
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
    new = Manifest.model_validate(manifest.model_dump() | {"id": identifier, "parent": original})
    for model in SERVING_MODELS:
        versions = staging / "models" / model
        if versions.is_dir():
            (versions / str(manifest.model_version)).rename(versions / str(new.model_version))
    if damaged:
        turn_round(staging)
        new = new.model_copy(update={"ranker": "lambdamart"})
    store.publish(staging, new)
    return identifier


def turn_round(release: Path) -> None:
    """Changes the sign of every score of LambdaMART: of every leaf, and of the blend that the trees add to. The sizes
    of the trees in bytes are left out, which LightGBM can do without. Raises NotFoundError where there is none."""
    folder = release / "lambdamart"
    model = next((folder / name for name in (TREES, MODEL) if (folder / name).is_file()), None)
    if model is None:
        raise NotFoundError("the release has no LambdaMART, so its ranker cannot be damaged")
    blend = Blend.load(folder / BLEND)
    if blend is not None:
        replace(blend, weights=-blend.weights).save(folder / BLEND)
    lines = []
    for line in model.read_text().splitlines():
        if line.startswith("leaf_value="):
            line = "leaf_value=" + " ".join(f"{-float(value):.17g}" for value in line.split("=", 1)[1].split())
        if not re.match("tree_sizes=", line):
            lines.append(line)
    model.write_text("\n".join(lines) + "\n")
