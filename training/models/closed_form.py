"""Dense symmetric systems of item × item size, solved in place."""

import numpy as np
import numpy.typing as npt
from scipy import linalg

DENSE_LIMIT = 20_000
"""Items up to which a dense item × item matrix is right: 4·n² bytes each, a solve of n³."""

_DOUBLE_LIMIT = 6_000


def precision(n: int) -> type[np.floating]:
    """float64 while it is cheap, float32 above."""
    return np.float64 if n <= _DOUBLE_LIMIT else np.float32


def solve(gram: npt.NDArray[np.floating], right: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """``gram⁻¹ right`` for a positive definite ``gram``, of which the lower triangle is read; both are overwritten."""
    factor = linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(linalg.cho_solve(factor, right, overwrite_b=True, check_finite=False))


def inverse(gram: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The inverse of a positive definite ``gram``, which is overwritten."""
    factor, _ = linalg.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    potri = linalg.get_lapack_funcs("potri", (factor,))
    result, _ = potri(factor, lower=1, overwrite_c=1)
    lower = np.tril(np.asarray(result))
    return np.asarray(lower + np.tril(lower, -1).T)
