"""One declaration per row type: the Parquet schema and the Kafka payload follow from the pydantic model."""

import types
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Self, Union, get_args, get_origin

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

ID_MAX = 256


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must hold printable characters only")
    return value


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_MAX), AfterValidator(_printable)]
"""An identifier of a user, item, event or request: text of 1 to 256 printable characters."""

Instant = Annotated[datetime, AfterValidator(_aware)]
"""A time, always UTC, microseconds in Parquet."""

_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    datetime: pa.timestamp("us", tz="UTC"),
}


def _arrow_type(annotation: Any) -> tuple[pa.DataType, bool]:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _arrow_type(args[0])
    if origin in (Union, types.UnionType):
        inner = [a for a in args if a is not type(None)]
        return _arrow_type(inner[0])[0], True
    if origin in (list, tuple):
        return pa.list_(_arrow_type(args[0])[0]), False
    if origin is dict:
        return pa.map_(_arrow_type(args[0])[0], _arrow_type(args[1])[0]), False
    for python, arrow in _ARROW.items():
        if isinstance(annotation, type) and issubclass(annotation, python):
            return arrow, False
    raise TypeError(f"no Parquet type is declared for {annotation!r}")


class Row(BaseModel):
    """A row of a table: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    @cache
    def arrow_schema(cls) -> pa.Schema:
        """The Parquet schema, one column a field, in the order of declaration."""
        fields = []
        for name, field in cls.model_fields.items():
            annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            arrow, nullable = _arrow_type(annotation)
            fields.append(pa.field(name, arrow, nullable=nullable))
        return pa.schema(fields)

    def to_payload(self) -> bytes:
        """The Kafka payload: compact JSON, times in ISO 8601, absent fields left out."""
        return self.model_dump_json(exclude_none=True).encode()

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Reads a payload of this schema, the one before or the one after: unknown fields are ignored.

        Raises pydantic.ValidationError for anything else.
        """
        return cls.model_validate_json(payload, extra="ignore")
