"""numpy arrays as TensorProto and back, without TensorFlow.

Numbers travel as ``tensor_content`` (little-endian bytes). Protos that carry typed values instead (``float_val`` and
the like, a single value meaning all elements) are read as well. Any message with TensorProto's fields will do.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

DTYPES: dict[int, tuple[np.dtype[Any], str]] = {
    1: (np.dtype("<f4"), "float_val"),
    2: (np.dtype("<f8"), "double_val"),
    3: (np.dtype("<i4"), "int_val"),
    4: (np.dtype(np.uint8), "int_val"),
    5: (np.dtype("<i2"), "int_val"),
    6: (np.dtype(np.int8), "int_val"),
    9: (np.dtype("<i8"), "int64_val"),
    10: (np.dtype(np.bool_), "bool_val"),
    17: (np.dtype("<u2"), "int_val"),
    19: (np.dtype("<f2"), "half_val"),
    22: (np.dtype("<u4"), "uint32_val"),
    23: (np.dtype("<u8"), "uint64_val"),
}
"""The codes of tensorflow/core/framework/types.proto, with the field that holds typed values."""
STRING = 7
_CODES = {dtype: code for code, (dtype, _) in DTYPES.items()}


def write_tensor(array: npt.NDArray[Any], proto: Any) -> None:
    """Fills ``proto`` (TensorProto) with ``array``: any shape, a dtype above, or bytes objects (DT_STRING).

    Raises ValueError for another dtype.
    """
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    if array.dtype.kind in "OSU":
        proto.dtype = STRING
        proto.string_val.extend(v if isinstance(v, bytes) else str(v).encode() for v in array.ravel().tolist())
        return
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise ValueError(f"dtype {array.dtype} has no tensor type here")
    proto.dtype = _CODES[dtype]
    proto.tensor_content = np.ascontiguousarray(array, dtype).tobytes()


def read_tensor(proto: Any) -> npt.NDArray[Any]:
    """The array of ``proto``, read-only where its bytes are shared. Raises ValueError when content and shape differ."""
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if any(size < 0 for size in shape):
        raise ValueError(f"the shape {shape} has a negative size")
    count = int(np.prod(shape, dtype=np.int64))
    if proto.dtype == STRING:
        return _spread(np.array(list(proto.string_val), dtype=object), count).reshape(shape)
    if proto.dtype not in DTYPES:
        raise ValueError(f"tensor type {proto.dtype} is not one of {sorted([*DTYPES, STRING])}")
    dtype, values = DTYPES[proto.dtype]
    if proto.tensor_content:
        if len(proto.tensor_content) != count * dtype.itemsize:
            raise ValueError(f"{len(proto.tensor_content)} bytes do not fill the shape {shape} of {dtype}")
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    if values == "half_val":
        return _spread(np.array(proto.half_val, np.uint16).view(np.float16), count).reshape(shape)
    return _spread(np.array(getattr(proto, values), dtype), count).reshape(shape)


def _spread(values: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """TensorProto may leave out trailing equal elements: the last one given stands for the rest."""
    if len(values) == count:
        return values
    if not len(values) or len(values) > count:
        raise ValueError(f"{len(values)} values do not fill {count} elements")
    return np.concatenate([values, np.repeat(values[-1:], count - len(values))])
