"""Keeps BLAS on one thread while single requests are replayed."""

import importlib
from contextlib import AbstractContextManager


def one_thread() -> AbstractContextManager[object]:
    """One request's products are too small to share: BLAS's threads take four times the processor time, waiting."""
    limits: AbstractContextManager[object] = importlib.import_module("threadpoolctl").threadpool_limits(1, "blas")
    return limits
