"""The part of TensorFlow Serving's protocol that a prediction needs, declared here field by field.

Importing ``tensorflow_serving.apis`` costs TensorFlow (10 s, 600 MB). Protocol buffers are compatible by field numbers,
which are those of tensorflow/core/framework/{tensor,tensor_shape,types}.proto, core/protobuf/meta_graph.proto and
tensorflow_serving/apis/{model,predict,get_model_metadata}.proto. The messages live in a pool of their own, so that
a process may load TensorFlow's as well.
"""

from typing import Any

import numpy.typing as npt
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

from releases.tensors import read_tensor, write_tensor

PREDICT = "/tensorflow.serving.PredictionService/Predict"
GET_MODEL_METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
SIGNATURE, SIGNATURE_DEF = "serving_default", "signature_def"

_F = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "headwater.serving"

_Fields = list[tuple[str, int, int | str, bool]]
"""Name, number, type (a message's name where it is text), repeated. A map is a repeated message of key and value."""

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
        ("string_val", 8, _F.TYPE_BYTES, True),
        ("int64_val", 10, _F.TYPE_INT64, True),
        ("bool_val", 11, _F.TYPE_BOOL, True),
        ("half_val", 13, _F.TYPE_INT32, True),
        ("uint32_val", 16, _F.TYPE_UINT32, True),
        ("uint64_val", 17, _F.TYPE_UINT64, True),
    ],
    "Version": [("value", 1, _F.TYPE_INT64, False)],
    "ModelSpec": [
        ("name", 1, _F.TYPE_STRING, False),
        ("version", 2, "Version", False),
        ("signature_name", 3, _F.TYPE_STRING, False),
    ],
    "NamedTensor": [("key", 1, _F.TYPE_STRING, False), ("value", 2, "Tensor", False)],
    "PredictRequest": [("model_spec", 1, "ModelSpec", False), ("inputs", 2, "NamedTensor", True)],
    "PredictResponse": [("outputs", 1, "NamedTensor", True), ("model_spec", 2, "ModelSpec", False)],
    "GetModelMetadataRequest": [
        ("model_spec", 1, "ModelSpec", False),
        ("metadata_field", 2, _F.TYPE_STRING, True),
    ],
    "Any": [("type_url", 1, _F.TYPE_STRING, False), ("value", 2, _F.TYPE_BYTES, False)],
    "NamedAny": [("key", 1, _F.TYPE_STRING, False), ("value", 2, "Any", False)],
    "GetModelMetadataResponse": [("model_spec", 1, "ModelSpec", False), ("metadata", 2, "NamedAny", True)],
    "TensorInfo": [("dtype", 2, _F.TYPE_INT32, False), ("tensor_shape", 3, "TensorShape", False)],
    "NamedTensorInfo": [("key", 1, _F.TYPE_STRING, False), ("value", 2, "TensorInfo", False)],
    "SignatureDef": [("inputs", 1, "NamedTensorInfo", True), ("outputs", 2, "NamedTensorInfo", True)],
    "NamedSignature": [("key", 1, _F.TYPE_STRING, False), ("value", 2, "SignatureDef", False)],
    "SignatureDefMap": [("signature_def", 1, "NamedSignature", True)],
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
    request.model_spec.signature_name = SIGNATURE
    for name, array in inputs.items():
        try:
            write_tensor(array, request.inputs.add(key=name).value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return bytes(request.SerializeToString())


def decode_response(payload: bytes) -> dict[str, npt.NDArray[Any]]:
    """The outputs by name, read-only arrays. Raises ValueError where values do not fill the shape."""
    response = _classes["PredictResponse"].FromString(payload)
    return {named.key: read_tensor(named.value) for named in response.outputs}


def encode_metadata_request(model: str, version: int) -> bytes:
    """A serialised GetModelMetadataRequest for the signatures."""
    request = _classes["GetModelMetadataRequest"]()
    request.model_spec.name = model
    request.model_spec.version.value = version
    request.metadata_field.append(SIGNATURE_DEF)
    return bytes(request.SerializeToString())


def decode_input_widths(payload: bytes) -> dict[str, int]:
    """The last dimension of every input of ``serving_default``, −1 where it is free."""
    response = _classes["GetModelMetadataResponse"].FromString(payload)
    (packed,) = (named.value.value for named in response.metadata if named.key == SIGNATURE_DEF)
    signatures = _classes["SignatureDefMap"].FromString(packed).signature_def
    (signature,) = (named.value for named in signatures if named.key == SIGNATURE)
    return {named.key: named.value.tensor_shape.dim[-1].size for named in signature.inputs}
