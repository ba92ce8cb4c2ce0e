"""How fast this machine multiplies matrices now, with whatever else runs on it."""

import statistics
import time

from training.tensorflow_runtime import load

tf = load()

_ROWS, _SIZE, _COLUMNS = 3200, 128, 1000
_TIMES = 12


def operations_per_second() -> float:
    """Floating-point operations a second of float32 products in the shape that training has most, the median of some;
    takes about half a second."""
    left, right = tf.random.normal([_ROWS, _SIZE]), tf.random.normal([_SIZE, _COLUMNS])
    tf.matmul(left, right).numpy()
    seconds = []
    for _ in range(_TIMES):
        started = time.monotonic()
        tf.matmul(left, right).numpy()
        seconds.append(time.monotonic() - started)
    return 2.0 * _ROWS * _SIZE * _COLUMNS / statistics.median(seconds)
