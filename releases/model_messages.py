"""The part of TensorFlow Serving's protocol that a prediction needs, declared here field by field.

Importing ``tensorflow_serving.apis`` costs TensorFlow (10 s, 600 MB). Protocol buffers are compatible by field numbers,
which are those of tensorflow/core/framework/{tensor,tensor_shape,types}.proto and tensorflow_serving/apis/{model,
predict}.proto. The messages live in a pool of their own, so that a process may load TensorFlow's as well.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

PREDICT = "/tensorflow.serving.PredictionService/Predict"

_F = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "headwater.serving"

_DTYPES: dict[int, tuple[np.dtype[Any], str]] = {
    1: (np.dtype("<f4"), "float_val"),
    2: (np.dtype("<f8"), "double_val"),
    3: (np.dtype("<i4"), "int_val"),
    9: (np.dtype("<i8"), "int64_val"),
    10: (np.dtype(np.bool_), "bool_val"),
}
_CODES = {dtype: code for code, (dtype, _) in _DTYPES.items()}

_Fields = list[tuple[str, int, int | str, bool]]
"""Name, number, type (a message's name where it is text), repeated."""

_MESSAGES: dict[str, _Fields] = {
    "Dim": [("size", 1, _F.TYPE_INT64, False)],
    "TensorShape": [("dim", 2, "Dim", True)],
    "Tensor": [
        ("dtype", 1, _F.TYPE_INT32, False),
        ("tensor_shape", 2, "TensorShape", False),
        ("tensor_content", 4, _F.TYPE_BYTES, False),
        ("float_val", 5, _F.TYPE_FLOAT, True),
        ("double_val", 6, _F.TYPE_DOUBLE, True),
        ("int_val", 7, _F.TYPE_INT32, True),
        ("int64_val", 10, _F.TYPE_INT64, True),
        ("bool_val", 11, _F.TYPE_BOOL, True),
    ],
    "Version": [("value", 1, _F.TYPE_INT64, False)],
    "ModelSpec": [
        ("name", 1, _F.TYPE_STRING, False),
        ("version", 2, "Version", False),
        ("signature_name", 3, _F.TYPE_STRING, False),
    ],
    "Named": [("key", 1, _F.TYPE_STRING, False), ("value", 2, "Tensor", False)],
    "PredictRequest": [("model_spec", 1, "ModelSpec", False), ("inputs", 2, "Named", True)],
    "PredictResponse": [("outputs", 1, "Named", True), ("model_spec", 2, "ModelSpec", False)],
}


def _messages() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="headwater/serving.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = _F.LABEL_REPEATED if repeated else _F.LABEL_OPTIONAL
            if isinstance(kind, str):
                type_name = f".{_PACKAGE}.{kind}"
                message.field.add(name=field, number=number, type=_F.TYPE_MESSAGE, type_name=type_name, label=label)
            else:
                message.field.add(name=field, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_classes = _messages()


def encode_request(model: str, version: int, inputs: dict[str, npt.NDArray[Any]]) -> bytes:
    """A serialised PredictRequest, signature ``serving_default``. Raises ValueError for a dtype without a code."""
    request = _classes["PredictRequest"]()
    request.model_spec.name = model
    request.model_spec.version.value = version
    request.model_spec.signature_name = "serving_default"
    for name, array in inputs.items():
        named = request.inputs.add(key=name)
        dtype = array.dtype.newbyteorder("<")
        if dtype not in _CODES:
            raise ValueError(f"{name}: no tensor type is declared for {array.dtype}")
        named.value.dtype = _CODES[dtype]
        for size in array.shape:
            named.value.tensor_shape.dim.add(size=size)
        named.value.tensor_content = np.ascontiguousarray(array, dtype).tobytes()
    return bytes(request.SerializeToString())


def decode_response(payload: bytes) -> dict[str, npt.NDArray[Any]]:
    """The outputs by name, read-only arrays. Raises ValueError where values do not fill the shape."""
    response = _classes["PredictResponse"].FromString(payload)
    return {named.key: _array(named.value) for named in response.outputs}


def _array(tensor: Any) -> npt.NDArray[Any]:
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.dtype not in _DTYPES:
        raise ValueError(f"tensor type {tensor.dtype} is not one of {sorted(_DTYPES)}")
    dtype, values = _DTYPES[tensor.dtype]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    typed = np.array(getattr(tensor, values), dtype)
    count = int(np.prod(shape, dtype=np.int64))
    if len(typed) and len(typed) < count:  # trailing equal elements may be left out: the last one stands for them
        typed = np.concatenate([typed, np.repeat(typed[-1:], count - len(typed))])
    return typed.reshape(shape)
