"""LambdaMART on the request path: LightGBM's own library called directly, on one thread.

``import lightgbm`` would bring pandas and scikit-learn into the gateway; the C interface needs neither.
"""

import ctypes
import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contracts.errors import InvalidInputError, UnavailableError
from pipeline.blend import Blend
from pipeline.candidates import Candidates
from pipeline.ranking_columns import RANKING_FEATURES
from pipeline.user import UserContext

_FLOAT32, _RAW_SCORE, _ROW_MAJOR, _ALL_TREES = 0, 1, 1, -1
_ONE_THREAD = b"num_threads=1"
TREES, MODEL, BLEND = "trees.txt", "model.txt", "blend.json"
"""Files of a release's folder ``lambdamart``: trees that add to the blend beside them, or, in releases from before, a
model that stands alone. By another name, so that a gateway from before does not take the ones for the other."""
TOP = 200
"""Candidates that it scores, in retrieval order: 1.6 ms on one thread, 1000 would take 6.5."""


@cache
def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise UnavailableError("lightgbm", "it is not installed")
    library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / "lib_lightgbm.so"))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _check(status: int) -> None:
    if status:
        raise UnavailableError("lambdamart", _library().LGBM_GetLastError().decode(errors="replace"))


class LambdaMart:
    """A boosted forest over RANKING_FEATURES, added to a linear blend of them. Implements the port Ranker. Safe to use
    from many threads."""

    name = "lambdamart"

    @classmethod
    def of_release(cls, release: Path) -> "LambdaMart | None":
        """That of a release directory, None without one. Raises InvalidInputError when it is damaged."""
        folder = release / "lambdamart"
        if not (folder / TREES).is_file():
            return cls(folder / MODEL) if (folder / MODEL).is_file() else None
        try:
            blend = Blend.load(folder / BLEND)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInputError("lambdamart", f"{BLEND} cannot be read: {error}") from error
        if blend is None:
            raise InvalidInputError("lambdamart", f"{BLEND} is missing, to which {TREES} adds")
        return cls(folder / TREES, blend)

    def __init__(self, path: Path, blend: Blend | None = None, top: int = TOP) -> None:
        """Loads LightGBM's text model, whose scores are added to those of ``blend``. Raises InvalidInputError when it
        is missing, damaged or of other features."""
        self.top = top
        self._blend = blend
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int()
        if not path.exists():
            raise InvalidInputError("lambdamart", f"{path.name} is missing")
        # LightGBM aborts the process on some damaged files: the last line of a whole one is looked for first.
        text = path.read_text(errors="replace")
        names = next(
            (line.split("=", 1)[1].split() for line in text.splitlines() if line.startswith("feature_names=")), []
        )
        if "end of parameters" not in text:
            raise InvalidInputError("lambdamart", f"{path.name} is cut short")
        if tuple(names) != RANKING_FEATURES:
            raise InvalidInputError("lambdamart", f"{path.name} was trained on other features than this version has")
        status = _library().LGBM_BoosterLoadModelFromString(
            text.encode(), ctypes.byref(iterations), ctypes.byref(self._handle)
        )
        if status:
            raise InvalidInputError("lambdamart", _library().LGBM_GetLastError().decode(errors="replace"))

    def __del__(self) -> None:
        if self._handle:
            _library().LGBM_BoosterFree(self._handle)

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """float32[n] raw scores for ``features`` float32[n, K]."""
        table = np.ascontiguousarray(features, dtype=np.float32)
        if table.ndim != 2 or table.shape[1] != len(RANKING_FEATURES):
            raise InvalidInputError("features", f"shape {table.shape}, allowed is [n, {len(RANKING_FEATURES)}]")
        scores = np.zeros(len(table), np.float64)
        if not len(table):
            return scores.astype(np.float32)
        length = ctypes.c_int64()
        _check(
            _library().LGBM_BoosterPredictForMat(
                self._handle,
                table.ctypes.data_as(ctypes.c_void_p),
                ctypes.c_int(_FLOAT32),
                ctypes.c_int32(table.shape[0]),
                ctypes.c_int32(table.shape[1]),
                ctypes.c_int(_ROW_MAJOR),
                ctypes.c_int(_RAW_SCORE),
                ctypes.c_int(0),
                ctypes.c_int(_ALL_TREES),
                ctypes.c_char_p(_ONE_THREAD),
                ctypes.byref(length),
                scores.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )
        if self._blend is not None:
            scores += self._blend.score(table)
        return scores.astype(np.float32)

    def score(
        self,
        user: UserContext,  # noqa: ARG002
        candidates: Candidates,  # noqa: ARG002
        features: npt.NDArray[np.float32],
        timeout: float,  # noqa: ARG002
    ) -> npt.NDArray[np.float32]:
        """See Ranker."""
        return self.predict(features)
