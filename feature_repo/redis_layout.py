"""Feast's Redis layout (entity key serialisation version 3) without importing feast, which costs seconds and pandas.

Key: u32 number of join keys, then for each join key (sorted) u32 2 (STRING), u32 length, name; then for each value
u32 type, u32 length, bytes; then the project's name; all little-endian. The hash behind it holds a field a feature,
named by the 4 little-endian bytes of murmur3_32("view:feature"), whose value is a serialised ``feast.types.Value``;
the field ``_ts:view`` holds a ``google.protobuf.Timestamp``. ``tests/feature_repo/test_redis_layout.py`` compares
every type in use with Feast itself.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import mmh3
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]

from feature_repo.online import FieldType, OnlineView, Value

_STRING = 2
_FLOAT, _FLOAT_TAG = struct.Struct("<f"), b"\x35"
"""A float is field 6 of ``Value``, fixed 32 bits."""

_Field = descriptor_pb2.FieldDescriptorProto
_MEMBERS = {
    FieldType.STRING: ("string_val", 2, _Field.TYPE_STRING),
    FieldType.INT64: ("int64_val", 4, _Field.TYPE_INT64),
    FieldType.FLOAT32: ("float_val", 6, _Field.TYPE_FLOAT),
}
_LISTS = {
    FieldType.STRING_LIST: ("string_list_val", 12, _Field.TYPE_STRING, "StringList"),
    FieldType.INT64_LIST: ("int64_list_val", 14, _Field.TYPE_INT64, "Int64List"),
    FieldType.FLOAT32_LIST: ("float_list_val", 16, _Field.TYPE_FLOAT, "FloatList"),
}


def _message_classes() -> tuple[Any, Any]:
    """``feast.types.Value`` with the members in use, and Timestamp, in a pool of their own (Feast's stays free)."""
    file = descriptor_pb2.FileDescriptorProto(name="headwater/value.proto", package="headwater", syntax="proto3")
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="val")
    for name, number, kind in _MEMBERS.values():
        value.field.add(name=name, number=number, type=kind, label=_Field.LABEL_OPTIONAL, oneof_index=0)
    for name, number, kind, list_name in _LISTS.values():
        holder = file.message_type.add(name=list_name)
        holder.field.add(name="val", number=1, type=kind, label=_Field.LABEL_REPEATED)
        value.field.add(
            name=name,
            number=number,
            type=_Field.TYPE_MESSAGE,
            type_name=f".headwater.{list_name}",
            label=_Field.LABEL_OPTIONAL,
            oneof_index=0,
        )
    stamp = file.message_type.add(name="Timestamp")
    stamp.field.add(name="seconds", number=1, type=_Field.TYPE_INT64, label=_Field.LABEL_OPTIONAL)
    stamp.field.add(name="nanos", number=2, type=_Field.TYPE_INT32, label=_Field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return tuple(
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"headwater.{name}"))
        for name in ("Value", "Timestamp")
    )


_Value, _Timestamp = _message_classes()


@lru_cache(maxsize=256)
def key_head(join_keys: tuple[str, ...]) -> bytes:
    """How the Redis keys of all entities with these (sorted) join keys begin."""
    head = [struct.pack("<I", len(join_keys))]
    for name in join_keys:
        encoded = name.encode()
        head.append(struct.pack("<II", _STRING, len(encoded)) + encoded)
    return b"".join(head)


def encode_entity_key(project: str, entity: Mapping[str, str]) -> bytes:
    """The Redis key of an entity, ``{join key: value}`` with text values."""
    names = tuple(sorted(entity))
    parts = [key_head(names)]
    for name in names:
        encoded = entity[name].encode()
        parts.append(struct.pack("<II", _STRING, len(encoded)) + encoded)
    parts.append(project.encode())
    return b"".join(parts)


def decode_entity_key(key: bytes, join_key: str, project: str) -> str | None:
    """The value of the only join key in a key of ``encode_entity_key``; None where it is of another project."""
    start = len(key_head((join_key,))) + 8
    end = start + int.from_bytes(key[start - 4 : start], "little")
    return key[start:end].decode() if key[end:] == project.encode() else None


def keys_of(project: str, names: Sequence[str], known: Mapping[str, str]) -> bytes:
    """The pattern for SCAN of the keys with the join keys ``names`` of which some are ``known``."""
    ordered = tuple(sorted(names))
    parts = [literal(key_head(ordered))]
    for name in ordered:
        encoded = known.get(name, "").encode()
        parts.append(literal(struct.pack("<II", _STRING, len(encoded)) + encoded) if name in known else b"*")
    return b"".join([*parts, literal(project.encode())])


def literal(text: bytes) -> bytes:
    """Bytes that stand for themselves in a pattern of Redis."""
    return b"".join(b"\\" + bytes([c]) if bytes([c]) in b"*?[]\\^-" else bytes([c]) for c in text)


@lru_cache(maxsize=4096)
def field_hash(view: str, feature: str) -> bytes:
    """The 4 bytes that name a feature's field in the hash."""
    return struct.pack("<I", mmh3.hash(f"{view}:{feature}", signed=False))


def timestamp_field(view: str) -> bytes:
    """The field that holds the time of a view's row."""
    return f"_ts:{view}".encode()


@lru_cache(maxsize=256)
def row_fields(view: OnlineView) -> tuple[bytes, ...]:
    """The fields of a view's row for HMGET: its timestamp, then its features in order."""
    return (timestamp_field(view.name), *(field_hash(view.name, field.name) for field in view.fields))


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _encode_scalar(kind: FieldType) -> Callable[[Any], bytes]:
    member = _MEMBERS[kind][0]
    return lambda value: bytes(_Value(**{member: value}).SerializeToString())


def _encode_float(value: float) -> bytes:
    """By hand, as below: a user's row holds a dozen of them."""
    return _FLOAT_TAG + _FLOAT.pack(value)


def _encode_list(kind: FieldType) -> Callable[[Any], bytes]:
    name = _LISTS[kind][0]

    def encode(values: Sequence[str] | Sequence[int]) -> bytes:
        message = _Value()
        holder = getattr(message, name)
        holder.SetInParent()
        holder.val.extend(values)
        return bytes(message.SerializeToString())

    return encode


def _encode_floats(values: Value) -> bytes:
    """Packed by hand: two tags and lengths before the array's own bytes, ten times quicker than element by element."""
    packed = np.ascontiguousarray(values, "<f4").tobytes()
    body = b"\x0a" + _varint(len(packed)) + packed if packed else b""
    return b"\x82\x01" + _varint(len(body)) + body


_ENCODERS: dict[FieldType, Callable[[Any], bytes]] = {
    FieldType.STRING: _encode_scalar(FieldType.STRING),
    FieldType.INT64: _encode_scalar(FieldType.INT64),
    FieldType.FLOAT32: _encode_float,
    FieldType.STRING_LIST: _encode_list(FieldType.STRING_LIST),
    FieldType.INT64_LIST: _encode_list(FieldType.INT64_LIST),
    FieldType.FLOAT32_LIST: _encode_floats,
}


def encode_value(kind: FieldType, value: Value) -> bytes:
    """A serialised ``feast.types.Value``."""
    return _ENCODERS[kind](value)


def decode_value(kind: FieldType, payload: bytes | None) -> Any:
    """The Python value (float32[n] array for a list of floats); None where there is no row or the value is null."""
    if payload is None:
        return None
    if kind is FieldType.FLOAT32 and payload[:1] == _FLOAT_TAG:
        return _FLOAT.unpack_from(payload, 1)[0]
    message = _Value.FromString(payload)
    member = message.WhichOneof("val")
    if member is None:
        return None
    value = getattr(message, member)
    if kind in _MEMBERS:
        return value
    if kind is FieldType.FLOAT32_LIST:
        count = len(value.val)
        return np.frombuffer(payload, "<f4", count, len(payload) - 4 * count) if count else np.empty(0, np.float32)
    return list(value.val)


def encode_version(version: int) -> bytes:
    """A row's version, microseconds since 1970, as the Timestamp that Feast reads."""
    seconds, micros = divmod(version, 1_000_000)
    return bytes(_Timestamp(seconds=seconds, nanos=micros * 1000).SerializeToString())


def decode_version(payload: bytes | None) -> int:
    """Microseconds since 1970, rounded down; 0 where there is no row."""
    if payload is None:
        return 0
    stamp = _Timestamp.FromString(payload)
    return int(stamp.seconds) * 1_000_000 + int(stamp.nanos) // 1000


@lru_cache(maxsize=256)
def _columns(view: OnlineView) -> tuple[tuple[str, bytes, Callable[[Any], bytes]], ...]:
    """Name, hash field and encoder of each feature of a view, in order."""
    return tuple((field.name, field_hash(view.name, field.name), _ENCODERS[field.type]) for field in view.fields)


def encode_row(view: OnlineView, values: Mapping[str, Value], version: int) -> dict[bytes, bytes]:
    """The hash fields of one row. Raises KeyError when a field of the view is missing."""
    row = {timestamp_field(view.name): encode_version(version)}
    for name, field, encode in _columns(view):
        row[field] = encode(values[name])
    return row


def decode_row(view: OnlineView, reply: Sequence[bytes | None]) -> tuple[int, dict[str, Any]]:
    """Version and values from the answer of HMGET with ``row_fields(view)``; version 0 means that there is no row."""
    values = {
        field.name: decode_value(field.type, payload) for field, payload in zip(view.fields, reply[1:], strict=True)
    }
    return decode_version(reply[0]), values
