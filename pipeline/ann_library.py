"""Which nearest-neighbour library a release uses: chosen when it is built, written into ``ann/ann.json``."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError
from pipeline import ann_faiss, ann_scann, ann_voyager
from pipeline.ann import AnnIndex, ExactIndex

EXACT = "exact"
LIBRARIES = (ann_scann.NAME, ann_faiss.NAME, ann_voyager.NAME, EXACT)
SETTINGS = "ann.json"

EXACT_BELOW = 5_000
"""Items up to which comparing all of them is faster than any index and loses nothing."""


def default_library(items: int) -> str:
    """Exact for small catalogues, else ScaNN, and FAISS where ScaNN has no wheel."""
    if items < EXACT_BELOW:
        return EXACT
    return ann_scann.NAME if sys.platform == "linux" else ann_faiss.NAME


def build(vectors: npt.NDArray[np.float32], directory: Path, library: str = "") -> dict[str, Any]:
    """Builds an index over ``vectors`` float32[n, d] into ``directory`` and returns what ``ann.json`` says of it.

    Raises InvalidInputError for an unknown library or a vector that is not finite.
    """
    chosen = library or default_library(len(vectors))
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise InvalidInputError("vectors", "must be a matrix of finite numbers")
    directory.mkdir(parents=True, exist_ok=True)
    match chosen:
        case ann_scann.NAME:
            parameters = ann_scann.build(vectors, directory)
        case ann_faiss.NAME:
            parameters = ann_faiss.build(vectors, directory)
        case ann_voyager.NAME:
            parameters = ann_voyager.build(vectors, directory)
        case "exact":
            parameters = {}
        case _:
            raise InvalidInputError("library", f"{chosen!r} is not one of {', '.join(LIBRARIES)}")
    settings = {"library": chosen, "items": len(vectors), "size": vectors.shape[1], "parameters": parameters}
    (directory / SETTINGS).write_text(json.dumps(settings, indent=1))
    return settings


def load(directory: Path, vectors: npt.NDArray[np.float32]) -> AnnIndex:
    """Opens the index of a release; ``vectors`` float32[n, d] are what it was built over.

    Raises InvalidInputError when it is damaged or does not belong to ``vectors``, ImportError without its library.
    """
    try:
        settings = json.loads((directory / SETTINGS).read_text())
        library, parameters = settings["library"], settings["parameters"]
        shape = (settings["items"], settings["size"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInputError("ann", f"{directory / SETTINGS} cannot be read: {error}") from error
    if shape != vectors.shape:
        raise InvalidInputError("ann", f"{directory} was built over {shape}, not over {vectors.shape}")
    match library:
        case ann_scann.NAME:
            return ann_scann.load(directory, parameters)
        case ann_faiss.NAME:
            return ann_faiss.load(directory, parameters)
        case ann_voyager.NAME:
            return ann_voyager.load(directory, parameters)
        case "exact":
            return ExactIndex(vectors)
    raise InvalidInputError("ann", f"the library {library!r} is not one of {', '.join(LIBRARIES)}")
