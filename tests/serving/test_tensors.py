"""TensorProto written and read without TensorFlow agrees with TensorFlow."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from releases.tensors import read_tensor, write_tensor
from serving import protos

ARRAYS = [
    np.arange(6, dtype=dtype).reshape(2, 3)
    for dtype in (np.float32, np.float64, np.float16, np.int32, np.int64, np.int16, np.int8, np.uint8, np.uint16)
] + [np.array([True, False]), np.array(3.5, np.float32), np.empty((0, 4), np.int32), np.array([b"a", b"\xff"], object)]


def proto() -> Any:
    return protos.predict.PredictRequest().inputs["x"]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_what_is_written_is_read_again(array: np.ndarray) -> None:
    one = proto()
    write_tensor(array, one)
    np.testing.assert_array_equal(read_tensor(one), array)


def test_a_single_value_stands_for_all() -> None:
    one = proto()
    one.dtype = 1
    one.tensor_shape.dim.add().size = 4
    one.float_val.append(2.5)
    np.testing.assert_array_equal(read_tensor(one), np.full(4, 2.5, np.float32))


def test_content_that_does_not_fill_the_shape_is_refused() -> None:
    one = proto()
    write_tensor(np.zeros(3, np.float32), one)
    one.tensor_shape.dim[0].size = 4
    with pytest.raises(ValueError, match="do not fill"):
        read_tensor(one)
    one.tensor_shape.dim[0].size = -1
    with pytest.raises(ValueError, match="negative"):
        read_tensor(one)


def test_the_request_path_comes_without_tensorflow_and_pandas() -> None:
    heavy = ("tensorflow", "tensorflow_serving", "pandas", "feast", "mlflow", "pyspark", "scipy", "duckdb", "lightgbm")
    code = f"import sys, serving.gateway.worker\nprint([m for m in {heavy} if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
