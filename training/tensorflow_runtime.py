"""The one door to TensorFlow: it sets what must be set before the first import.

TFRS 0.7 needs Keras 2 (``TF_USE_LEGACY_KERAS``), and TensorFlow's banner and device hunt belong in no log of ours.
"""

import importlib
import os
from types import ModuleType
from typing import Any


def load(threads: int | None = None) -> Any:
    """Returns the module ``tensorflow``, ready for TFRS.

    ``threads`` bounds both thread pools; it works only before the first operation runs, later calls leave them as
    they are. Default: the machine's cores.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN's kernels are on by default only where the processor has AVX-512; with AVX2 they are 5-10 % quicker too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    tensorflow = importlib.import_module("tensorflow")
    if threads is not None:
        threading = tensorflow.config.threading
        if (threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()) == (0, 0):
            threading.set_intra_op_parallelism_threads(threads)
            threading.set_inter_op_parallelism_threads(threads)
    return tensorflow


def load_recommenders() -> ModuleType:
    """Returns the module ``tensorflow_recommenders`` on the same TensorFlow."""
    load()
    return importlib.import_module("tensorflow_recommenders")
